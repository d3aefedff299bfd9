/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes lost wake-ups visible. Since naps are bounded, a waiter that nobody wakes goes on a little later, and no test would
 * notice. Between endless_naps(true) and endless_naps(false) the calling thread's naps have no end of their own: a lost
 * wake-up hangs, and the alarm ends the process. Include in one file of a test; it takes the place of the C library's
 * syscall().
 */
#ifndef ORIEL_TESTS_ENDLESS_NAPS_H
#define ORIEL_TESTS_ENDLESS_NAPS_H

#include <dlfcn.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENDLESS_NAPS_SECONDS 120

static _Thread_local bool naps_are_endless;

static void endless_naps(bool on)
{
    naps_are_endless = on;
    alarm(on ? ENDLESS_NAPS_SECONDS : 0);
}

long syscall(long number, ...)
{
    long values[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        values[i] = va_arg(list, long);
    va_end(list);
    long (*libc_syscall)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    if (naps_are_endless && number == SYS_futex && values[1] == FUTEX_WAIT)
        values[3] = 0; /* the timeout */
    return libc_syscall(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}

#endif
