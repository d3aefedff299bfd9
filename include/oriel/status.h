/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call that can fail returns, and the message that goes with it.
 *
 * Every function of Oriel that can fail returns an `oriel_status`: 0 is success. Outputs are set on success only; a call
 * that fails has changed nothing. The message names what was wrong and with which values; it belongs to the calling
 * thread and stays until the next call that fails on that thread.
 */
#ifndef ORIEL_STATUS_H
#define ORIEL_STATUS_H

#if defined(__GNUC__)
#define ORIEL_API __attribute__((visibility("default")))
#else
#define ORIEL_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum oriel_status {
    ORIEL_OK = 0,
    ORIEL_INVALID,     /* an argument is not acceptable; the message names the value and the limit */
    ORIEL_STATE,       /* the call is right, its moment is not: before init, after close, on a broken domain */
    ORIEL_UNAVAILABLE, /* a platform or an optional part is not to be had on this machine or in this build */
    ORIEL_NO_MEMORY,   /* the arena, a ring or the host has no room for what was asked */
    ORIEL_SYSTEM,      /* the operating system refused; the message has the call and its errno */
    ORIEL_TIMEOUT,     /* a deadline passed */
    ORIEL_ABORTED,     /* left a wait because somebody else failed; never the first cause */
    ORIEL_FAULT,       /* a kernel did what its machine does not allow; the message starts with file:line */
    ORIEL_RANK_DIED,   /* the process or thread of a device ended */
    ORIEL_POISONED,    /* not run, because a task that it depends on failed */
    ORIEL_WRONG,       /* ran to the end with a result other than the expected one */
    ORIEL_STATUS_COUNT
} oriel_status;

/* The name of a status in lower case ("timed out"), for people. Never NULL; the string is static. */
ORIEL_API const char *oriel_status_name(oriel_status status);

/*
 * The message of the last call that failed on this thread; "" if none has. Never NULL. The string is owned by Oriel and
 * valid until the next call that fails on this thread: copy what must stay.
 */
ORIEL_API const char *oriel_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
