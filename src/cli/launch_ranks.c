/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of `oriel launch`.
 *
 * A rank that has ended stays listed until the last one has: the others can then read how it ended, and say so. The end of all is in
 * steps, each a deadline away from the one before:
 *
 *      run          until --timeout            a failure, a signal or the deadline  ─>
 *      grace        for --grace seconds        they may end by themselves           ─>
 *      terminate    for as long again          SIGTERM to all                       ─>
 *      kill      for LAST_S                    SIGKILL
 *      leave                                   what cannot be killed is left behind
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/names.h"
#include "cli/launch.h"

enum { OUTPUT, ERRORS, STREAMS };

typedef struct process {
    pid_t pid;
    bool ended;
    cli_stream stream[STREAMS];
} process;

typedef enum step { RUN, GRACE, TERMINATE, KILL, LEAVE } step;

/* For those that were killed to be gone. */
#define LAST_S 5.0

/* Of output, between two looks at all else. */
#define LOOK_BYTES 65536

typedef struct launch {
    const cli_launch_job *job;
    uint32_t started, running;
    step step;
    int64_t next;     /* when the next step begins; ORIEL_NEVER: it does not */
    int64_t deadline; /* of the whole; ORIEL_NEVER: it has none */
    bool failed;
    bool hurried; /* the deadline has passed, or a signal is to end all: a reader is not waited for */
    int code;     /* the answer, if it failed */
    int excuses;  /* descriptor: of ranks that did not become their program */
    int signals;  /* descriptor */
    struct sigaction pipes, children; /* what was done about SIGPIPE and SIGCHLD */
    sigset_t before;                  /* what was blocked */
    char rendezvous[64];              /* a name of this launch alone */
    bool others_known;
    cli_children others; /* the children before the first rank: whoever became this launcher has started them */
    cli_outlet *outlet[STREAMS];
    uint32_t turn;          /* whose output is looked at first */
    struct pollfd *awaited; /* [1 + STREAMS + STREAMS * ranks] */
    process rank[];
} launch;

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

/* ---- Starting --------------------------------------------------------------------------------------------------- */

/* Why a program could not be run, from its process to this one, before it ends. One write, so it comes whole. */
typedef struct excuse {
    char text[256];
} excuse;

static _Noreturn void give_up(int to, const char *what, const char *why)
{
    excuse why_not = {0};
    snprintf(why_not.text, sizeof why_not.text, "%s: %s", what, why);
    (void)!write(to, &why_not, sizeof why_not);
    _exit(127);
}

static void set_number(const char *name, uint32_t number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    setenv(name, text, 1);
}

static void set_environment(const launch *all, uint32_t rank)
{
    set_number("ORIEL_RANK", rank);
    set_number("ORIEL_RANKS", all->job->ranks);
    setenv("ORIEL_RENDEZVOUS", all->rendezvous, 1);
    unsetenv("ORIEL_DESCRIPTOR");
    if (all->job->algorithm)
        setenv("ORIEL_ALGORITHM", all->job->algorithm, 1);
    if (all->job->deterministic)
        setenv("ORIEL_DETERMINISTIC", "1", 1);
    if (all->job->bind != ORIEL_BIND_DEFAULT)
        setenv("ORIEL_BIND", "none", 1); /* it is bound already, or is not to be */
}

/* The child's way to the program. It must not outlive the launcher, which may be gone before the system was told. */
static _Noreturn void become(const launch *all, uint32_t rank, pid_t launcher, const int end[STREAMS], int excuses)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launcher)
        _exit(127);
    sigaction(SIGPIPE, &all->pipes, NULL);
    sigaction(SIGCHLD, &all->children, NULL);
    sigprocmask(SIG_SETMASK, &all->before, NULL);
    if (all->job->bind == ORIEL_BIND_CORE && oriel_host_bind(rank, all->job->ranks) != ORIEL_OK)
        give_up(excuses, "--bind core", oriel_last_error());
    set_environment(all, rank);
    int nothing = rank > 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
    if (rank > 0 && (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0)) /* see occupy_standard: they differ */
        give_up(excuses, "/dev/null", strerror(errno));
    if (all->job->tag && (dup2(end[OUTPUT], STDOUT_FILENO) < 0 || dup2(end[ERRORS], STDERR_FILENO) < 0))
        give_up(excuses, "a pipe for output", strerror(errno));
    execvp(all->job->program[0], all->job->program);
    give_up(excuses, all->job->program[0], strerror(errno));
}

static bool open_streams(const launch *all, uint32_t index, process *rank, int end[STREAMS])
{
    for (int i = 0; i < STREAMS; i++)
        rank->stream[i].from = end[i] = -1;
    for (int i = 0; all->job->tag && i < STREAMS; i++)
        if (!cli_stream_open(&rank->stream[i], index, all->outlet[i], &end[i]))
            return false;
    return true;
}

static void close_streams(process *rank)
{
    for (int i = 0; i < STREAMS; i++)
        cli_stream_close(&rank->stream[i]);
}

static bool start(launch *all, int excuses)
{
    const pid_t launcher = getpid();
    for (; all->started < all->job->ranks; all->started++, all->running++) {
        process *rank = &all->rank[all->started];
        int end[STREAMS];
        rank->pid = open_streams(all, all->started, rank, end) ? fork() : -1;
        if (rank->pid == 0)
            become(all, all->started, launcher, end, excuses);
        for (int i = 0; i < STREAMS; i++)
            if (end[i] >= 0)
                close(end[i]);
        if (rank->pid < 0) {
            close_streams(rank);
            return false;
        }
    }
    return true;
}

/* ---- Watching --------------------------------------------------------------------------------------------------- */

static void send_all(const launch *all, int signal)
{
    for (uint32_t i = 0; i < all->started; i++)
        if (!all->rank[i].ended)
            kill(all->rank[i].pid, signal);
}

static void go_to(launch *all, step next)
{
    if (next <= all->step)
        return;
    all->step = next;
    all->next = next == LEAVE ? ORIEL_NEVER : oriel_deadline(next == KILL ? LAST_S : all->job->grace_s);
    if (next == TERMINATE)
        send_all(all, SIGTERM);
    else if (next == KILL)
        send_all(all, SIGKILL);
}

static void pass_time(launch *all)
{
    oriel_names names = {0};
    if (all->running == 0 || !oriel_passed(all->next))
        return;
    for (uint32_t i = 0; i < all->started; i++)
        if (!all->rank[i].ended)
            oriel_names_add(&names, "rank %u", i);
    if (all->step == RUN) {
        cli_outlet_say(all->outlet[ERRORS], "the deadline of %g s has passed: %s had not ended", all->job->timeout_s,
                       oriel_names_text(&names));
        all->hurried = true;
    } else if (all->step == KILL)
        cli_outlet_say(all->outlet[ERRORS], "%s cannot be ended", oriel_names_text(&names));
    all->failed = true;
    go_to(all, all->step == RUN ? TERMINATE : all->step + 1);
}

static bool is_failure(const siginfo_t *info)
{
    return info->si_code != CLD_EXITED || info->si_status != 0;
}

static void say_fate(const launch *all, uint32_t rank, const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED)
        cli_outlet_say(all->outlet[ERRORS], "rank %u ended with exit code %d", rank, info->si_status);
    else
        cli_outlet_say(all->outlet[ERRORS], "rank %u was killed by signal %d (%s)%s", rank, info->si_status,
                       strsignal(info->si_status), info->si_code == CLD_DUMPED ? ", and dumped core" : "");
}

/* The answer to a rank's end, if there is one: none has been run, or not all. */
static bool take_excuse(launch *all)
{
    excuse why;
    if (read(all->excuses, &why, sizeof why) != sizeof why)
        return false;
    cli_outlet_say(all->outlet[ERRORS], "cannot run %s", why.text);
    all->code = CLI_BAD_USAGE;
    all->failed = true;
    go_to(all, KILL);
    return true;
}

/*
 * Looks after all ranks. Of several that failed since the last look, that which was killed is taken for the first: ranks that learn
 * of another's death end with an exit code.
 */
static void look_after(launch *all)
{
    siginfo_t first = {0};
    uint32_t who = 0;
    for (uint32_t i = 0; i < all->started; i++) {
        siginfo_t info = {0};
        process *rank = &all->rank[i];
        if (rank->ended || waitid(P_PID, (id_t)rank->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
            continue;
        rank->ended = true;
        all->running--;
        if (is_failure(&info) && (first.si_pid == 0 || (first.si_code == CLD_EXITED && info.si_code != CLD_EXITED))) {
            first = info;
            who = i;
        }
    }
    if (first.si_pid == 0 || all->failed || take_excuse(all))
        return;
    say_fate(all, who, &first);
    all->failed = true;
    go_to(all, GRACE);
}

/* The terminal sends its signals to the programs itself. A second one that is to end all does so at once. */
static void pass_on(launch *all, const struct signalfd_siginfo *signal)
{
    const int number = (int)signal->ssi_signo;
    if (signal->ssi_code != SI_KERNEL)
        send_all(all, number);
    if (number == SIGUSR1 || number == SIGUSR2)
        return;
    if (!all->failed)
        cli_outlet_say(all->outlet[ERRORS], "interrupted by signal %d (%s)", number, strsignal(number));
    go_to(all, all->step == RUN ? GRACE : KILL);
    all->failed = all->hurried = true;
}

static void take_signals(launch *all)
{
    struct signalfd_siginfo signal;
    while (read(all->signals, &signal, sizeof signal) == sizeof signal)
        if (signal.ssi_signo != SIGCHLD)
            pass_on(all, &signal);
    look_after(all);
}

/* Until so much was passed on that it is time for other things, too. Returns how many bytes: if LOOK_BYTES, there may be more. */
static size_t move_output(launch *all)
{
    const uint32_t count = STREAMS * all->started;
    size_t put = cli_outlet_flush(all->outlet[OUTPUT]) + cli_outlet_flush(all->outlet[ERRORS]);
    for (uint32_t i = 0; i < count && put < LOOK_BYTES; i++) {
        const uint32_t which = (all->turn + i) % count;
        put += cli_stream_move(&all->rank[which / STREAMS].stream[which % STREAMS]);
    }
    all->turn++; /* else the first would keep the others from a slow reader */
    return put;
}

void cli_poll_until(struct pollfd *awaited, nfds_t count, int64_t deadline)
{
    const int64_t left = (deadline - oriel_now()) / 1000000 + 1, most = 1000000000; /* rounded up: it has passed then */
    poll(awaited, count, deadline == ORIEL_NEVER ? -1 : (int)(left < 0 ? 0 : left > most ? most : left));
}

/* From a rank, nothing is awaited while what it has written before has no room: it waits, too. `put`: by the last look at output. */
static void wait_for_news(launch *all, size_t put, int64_t deadline)
{
    nfds_t count = 0; /* poll refuses more than a process may open */
    all->awaited[count++] = (struct pollfd){.fd = all->signals, .events = POLLIN};
    for (int i = 0; i < STREAMS; i++)
        if (cli_outlet_awaits(all->outlet[i]) >= 0)
            all->awaited[count++] = (struct pollfd){.fd = cli_outlet_awaits(all->outlet[i]), .events = POLLOUT};
    for (uint32_t i = 0; i < STREAMS * all->started; i++) {
        const cli_stream *stream = &all->rank[i / STREAMS].stream[i % STREAMS];
        if (stream->from >= 0 && cli_outlet_awaits(stream->to) < 0)
            all->awaited[count++] = (struct pollfd){.fd = stream->from, .events = POLLIN};
    }
    cli_poll_until(all->awaited, count, put < LOOK_BYTES ? deadline : 0);
}

static void watch(launch *all)
{
    size_t put = 0;
    while (all->running > 0 && all->step < LEAVE) {
        wait_for_news(all, put, all->next);
        take_signals(all);
        pass_time(all);
        put = move_output(all);
    }
}

/* ---- Ending ----------------------------------------------------------------------------------------------------- */

static bool all_is_out(const launch *all)
{
    for (uint32_t i = 0; i < STREAMS * all->started; i++)
        if (!cli_stream_has_ended(&all->rank[i / STREAMS].stream[i % STREAMS]))
            return false;
    return cli_outlet_awaits(all->outlet[OUTPUT]) < 0 && cli_outlet_awaits(all->outlet[ERRORS]) < 0;
}

/*
 * Passes on what the ranks have written, and no more: what they have left behind may write without an end. A reader may take its time,
 * as with any program, until the deadline or a signal; from then on, one that takes nothing for LAST_S has lost the rest.
 */
static void drain(launch *all)
{
    int64_t until = ORIEL_NEVER;
    for (uint32_t i = 0; i < STREAMS * all->started; i++)
        cli_stream_limit(&all->rank[i / STREAMS].stream[i % STREAMS]);
    go_to(all, LEAVE);
    for (size_t put; put = move_output(all), !all_is_out(all);) {
        if (!all->hurried && oriel_passed(all->deadline)) {
            cli_outlet_say(all->outlet[ERRORS], "the deadline of %g s has passed: the output was not taken",
                           all->job->timeout_s);
            all->failed = all->hurried = true;
        }
        if (all->hurried && (until == ORIEL_NEVER || put > 0))
            until = oriel_deadline(LAST_S);
        if (oriel_passed(until))
            return;
        wait_for_news(all, put, all->hurried ? until : all->deadline);
        take_signals(all);
    }
}

static void end(launch *all)
{
    for (uint32_t i = 0; i < all->started; i++)
        while (all->rank[i].ended && waitpid(all->rank[i].pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    if (all->failed && all->others_known)
        cli_orphans_end(&all->others, all->signals, oriel_deadline(LAST_S), all->outlet[ERRORS]);
    drain(all);
    for (uint32_t i = 0; i < all->started; i++)
        close_streams(&all->rank[i]);
}

/*
 * What is closed for this process stays so for the ranks. Here something must lie there, or the next descriptors would: a rank would
 * put its input or output on top of them, or messages would go there.
 */
static bool occupy_standard(void)
{
    int filler;
    do
        filler = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (filler >= 0 && filler <= STDERR_FILENO);
    if (filler < 0)
        return false;
    close(filler);
    return true;
}

/* Whoever started this may have had both the other way. */
static bool watch_signals(launch *all)
{
    sigset_t set;
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &all->pipes);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &all->children);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++)
        sigaddset(&set, passed_on[i]);
    sigprocmask(SIG_BLOCK, &set, &all->before);
    all->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return all->signals >= 0;
}

static int run(launch *all)
{
    int excuses[2];
    oriel_host_info host;
    if (all->job->bind == ORIEL_BIND_CORE)
        oriel_host_describe(&host); /* once, and not in each child */
    if (pipe2(excuses, O_CLOEXEC) < 0)
        return cli_fail(CLI_FAILED, "no pipe to be had: %s", strerror(errno));
    fcntl(excuses[0], F_SETFL, O_NONBLOCK); /* this end alone */
    all->excuses = excuses[0];
    fflush(NULL);
    if (!start(all, excuses[1])) {
        cli_outlet_say(all->outlet[ERRORS], "rank %u cannot be started: %s", all->started, strerror(errno));
        all->failed = true;
        go_to(all, KILL);
    }
    close(excuses[1]);
    watch(all);
    end(all);
    close(all->excuses);
    return all->failed ? all->code : CLI_RIGHT;
}

int cli_launch_run(const cli_launch_job *job)
{
    if (!occupy_standard())
        return cli_fail(CLI_FAILED, "cannot open /dev/null: %s", strerror(errno));
    launch *all = calloc(1, sizeof *all + job->ranks * sizeof *all->rank);
    struct pollfd *awaited = calloc(1 + STREAMS + STREAMS * (size_t)job->ranks, sizeof *awaited);
    if (!all || !awaited || !cli_outlets_open(all->outlet)) {
        free(all);
        free(awaited);
        return cli_fail(CLI_FAILED, "no memory for %u ranks", job->ranks);
    }
    all->job = job;
    all->code = CLI_FAILED;
    all->awaited = awaited;
    all->deadline = all->next = job->timeout_s > 0 ? oriel_deadline(job->timeout_s) : ORIEL_NEVER;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(all->rendezvous, sizeof all->rendezvous, "/oriel-launch/%d-%lld-%ld", (int)getpid(), (long long)now.tv_sec,
             now.tv_nsec);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int code;
    if (watch_signals(all)) {
        all->others_known = cli_children_read(&all->others);
        code = run(all);
        close(all->signals);
    } else
        code = cli_fail(CLI_FAILED, "no signals to be had: %s", strerror(errno));
    sigprocmask(SIG_SETMASK, &all->before, NULL);
    cli_outlets_close(all->outlet);
    free(all->others.pid);
    free(awaited);
    free(all);
    return code;
}
