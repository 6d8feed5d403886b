// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into User-Mode Linux, so that it runs on any x86 processor.
 *
 * Linux 6.12's has room for the extended state of an AVX-512 machine, 2,696 bytes, and hands
 * PTRACE_SETREGSET just as many. The host takes all of its own or nothing (EFAULT): fewer without
 * AVX-512, 11,008 with AMX. Here what it has no room for is added: zeros, as nothing in a guest
 * uses AMX, which needs the host's leave.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef long ptrace_fn(enum __ptrace_request request, ...);

static ptrace_fn *libc_ptrace;
static unsigned char state[65536] __attribute__((aligned(64)));
static size_t whole;		/* bytes of it on this machine; 0: not known yet */

/* Not at the first call: that may be on a stack of one page. */
static __attribute__((constructor)) void find(void)
{
	libc_ptrace = (ptrace_fn *)dlsym(RTLD_NEXT, "ptrace");
}

static long get(pid_t pid)
{
	struct iovec all = { .iov_base = state, .iov_len = sizeof(state) };
	long done = libc_ptrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &all);

	if (!done)
		whole = all.iov_len;
	return done;
}

static long set(pid_t pid, const struct iovec *some)
{
	struct iovec all = { .iov_base = state };

	if (!whole && get(pid))
		return -1;
	all.iov_len = whole;
	memset(state, 0, whole);
	memcpy(state, some->iov_base, some->iov_len < whole ? some->iov_len : whole);
	return libc_ptrace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &all);
}

/* All else is the C library's. */
long ptrace(enum __ptrace_request request, ...)
{
	void *addr, *data;
	va_list more;
	pid_t pid;

	va_start(more, request);
	pid = va_arg(more, pid_t);
	addr = va_arg(more, void *);
	data = va_arg(more, void *);
	va_end(more);
	if (request == PTRACE_SETREGSET && (long)addr == NT_X86_XSTATE)
		return set(pid, data);
	return libc_ptrace(request, pid, addr, data);
}
