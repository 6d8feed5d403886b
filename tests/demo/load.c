// SPDX-License-Identifier: GPL-2.0
/*
 * load - honest clients: fetch one page again and again, each time over a new connection.
 *
 * Owns: one epoll instance and a slot per request. Open loop: request i starts at i/RATE seconds,
 * whatever became of the earlier ones, so that every defence is asked for the same.
 * Invariant: a request is served if connect, answer and close were complete within DEADLINE
 * milliseconds of its start and the body had exactly SIZE bytes; everything else is a failure.
 * Called by the guest's scripts inside the client's namespace. The connections are the kernel's
 * own: its retransmissions of a lost SYN (after 1 and 3 s) count within the deadline.
 * Says also when it began, by the monotonic clock, and how many requests were served of those
 * that started in each second since.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NSEC	1000000000ULL
#define MSEC	1000000ULL

enum state { WAITING, CONNECTING, READING, SERVED, REFUSED, TIMED_OUT, BROKEN, STATES };

static const char * const state_names[STATES] = {
	[SERVED] = "served", [REFUSED] = "refused", [TIMED_OUT] = "timed_out", [BROKEN] = "broken",
};

struct request {
	enum state state;
	int fd;
	uint64_t start;
	uint64_t connect;	/* nanoseconds until connect() was complete, 0 before */
	uint64_t total;
	size_t got;
	size_t head;		/* bytes up to and including the blank line, 0 before */
	uint32_t tail;		/* the last four bytes read */
};

struct load {
	struct sockaddr_in address;
	struct request *requests;
	unsigned int count, started, finished;
	uint64_t begin, interval, deadline;
	size_t size;
	char query[256];
	int poll;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * NSEC + time.tv_nsec;
}

static void finish(struct load *load, struct request *request, enum state state)
{
	request->state = state;
	request->total = now() - request->start;
	if (request->fd >= 0)
		close(request->fd);
	request->fd = -1;
	load->finished++;
}

static void start(struct load *load, struct request *request)
{
	struct epoll_event event = { .events = EPOLLOUT, .data.ptr = request };

	request->start = load->begin + load->interval * load->started++;
	request->state = CONNECTING;
	request->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (request->fd < 0 || epoll_ctl(load->poll, EPOLL_CTL_ADD, request->fd, &event) ||
	    (connect(request->fd, (struct sockaddr *)&load->address, sizeof(load->address)) &&
	     errno != EINPROGRESS))
		finish(load, request, BROKEN);
}

static void connected(struct load *load, struct request *request)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = request };
	socklen_t length = sizeof(int);
	int error = 0;

	getsockopt(request->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error) {
		finish(load, request, error == ECONNREFUSED ? REFUSED : BROKEN);
		return;
	}
	request->connect = now() - request->start;
	request->state = READING;
	epoll_ctl(load->poll, EPOLL_CTL_MOD, request->fd, &event);
	if (send(request->fd, load->query, strlen(load->query), MSG_NOSIGNAL) < 0)
		finish(load, request, BROKEN);
}

static void find_body(struct request *request, const char *data, size_t length)
{
	size_t i;

	for (i = 0; i < length && !request->head; i++) {
		request->tail = request->tail << 8 | (uint8_t)data[i];
		if (request->tail == 0x0d0a0d0a)
			request->head = request->got + i + 1;
	}
}

static void readable(struct load *load, struct request *request)
{
	char data[16384];
	ssize_t length;

	for (;;) {
		length = recv(request->fd, data, sizeof(data), 0);
		if (length < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (length <= 0)
			break;
		if (!request->got && strncmp(data, "HTTP/1.1 200", length < 12 ? length : 12))
			length = -1;
		if (length < 0)
			break;
		find_body(request, data, length);
		request->got += length;
	}
	if (length < 0 || !request->head || request->got - request->head != load->size)
		finish(load, request, BROKEN);
	else
		finish(load, request, SERVED);
}

static void expire(struct load *load, uint64_t time)
{
	unsigned int i;

	for (i = 0; i < load->started; i++) {
		struct request *request = &load->requests[i];

		if (request->fd >= 0 && time >= request->start + load->deadline)
			finish(load, request, TIMED_OUT);
	}
}

static int patience(struct load *load, uint64_t time)
{
	uint64_t next;

	if (load->started == load->count)
		return 50;
	next = load->begin + load->interval * load->started;
	return next > time ? (next - time + MSEC - 1) / MSEC : 0;
}

static void run(struct load *load)
{
	struct epoll_event events[64];
	uint64_t time, swept = 0;
	int i, ready;

	load->begin = now();
	while (load->finished < load->count) {
		time = now();
		while (load->started < load->count &&
		       time >= load->begin + load->interval * load->started)
			start(load, &load->requests[load->started]);
		if (time > swept + 50 * MSEC) {
			expire(load, time);
			swept = time;
		}
		ready = epoll_wait(load->poll, events, 64, patience(load, time));
		for (i = 0; i < ready; i++) {
			struct request *request = events[i].data.ptr;

			if (request->state == CONNECTING)
				connected(load, request);
			else if (request->state == READING)
				readable(load, request);
		}
	}
}

static int compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* Prints one field; the percentile is by nearest rank, null if nothing was measured. */
static void percentile(const char *name, const uint64_t *sorted, unsigned int count, unsigned int p)
{
	if (count)
		printf(", \"%s_ms\": %.3f", name, sorted[(count * p + 99) / 100 - 1] / 1e6);
	else
		printf(", \"%s_ms\": null", name);
}

static uint64_t second_of(const struct load *load, unsigned int i)
{
	return load->interval * i / NSEC;
}

static void by_second(const struct load *load)
{
	unsigned int i, served = 0;

	printf(", \"begin_ms\": %llu, \"by_second\": [", (unsigned long long)(load->begin / MSEC));
	for (i = 0; i < load->count; i++) {
		served += load->requests[i].state == SERVED;
		if (i + 1 < load->count && second_of(load, i + 1) == second_of(load, i))
			continue;
		printf(i + 1 < load->count ? "%u, " : "%u]", served);
		served = 0;
	}
}

static void report(struct load *load)
{
	uint64_t *times = calloc(load->count, sizeof(*times));
	unsigned int tally[STATES] = { 0 }, connects = 0, i;

	for (i = 0; i < load->count; i++) {
		struct request *request = &load->requests[i];

		tally[request->state]++;
		if (request->connect)
			times[connects++] = request->connect;
	}
	qsort(times, connects, sizeof(*times), compare);
	printf("{\"asked\": %u", load->count);
	for (i = SERVED; i < STATES; i++)
		printf(", \"%s\": %u", state_names[i], tally[i]);
	percentile("connect_p50", times, connects, 50);
	percentile("connect_p99", times, connects, 99);
	printf(", \"connected\": %u", connects);
	by_second(load);
	printf("}\n");
	free(times);
}

int main(int argc, char **argv)
{
	struct rlimit files = { 65536, 65536 };
	static struct load load;

	if (argc != 8 || inet_pton(AF_INET, argv[1], &load.address.sin_addr) != 1) {
		fprintf(stderr, "usage: load ADDRESS PORT PATH RATE COUNT DEADLINE_MS SIZE\n");
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	load.address.sin_family = AF_INET;
	load.address.sin_port = htons(atoi(argv[2]));
	snprintf(load.query, sizeof(load.query),
		 "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", argv[3], argv[1]);
	load.interval = NSEC / atof(argv[4]);
	load.count = atoi(argv[5]);
	load.deadline = atoi(argv[6]) * MSEC;
	load.size = atoi(argv[7]);
	load.requests = calloc(load.count, sizeof(*load.requests));
	load.poll = epoll_create1(0);
	if (!load.requests || load.poll < 0)
		return 1;
	run(&load);
	report(&load);
	return 0;
}
