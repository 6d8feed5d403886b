// SPDX-License-Identifier: GPL-2.0
/*
 * Frames in files, one a line: "LABEL HEX". Written by rawtcp_conn.c as a description
 * says, read by main() to be sent again (-S).
 */
#include <stdlib.h>
#include <string.h>
#include "rawtcp.h"

/* Return: 0, or -1 (the file cannot be written). */
int frame_append(const char *path, const char *label, const uint8_t *frame, int len)
{
	FILE *f = fopen(path, "a");
	int i;

	if (!f)
		return -1;
	fprintf(f, "%s ", label[0] ? label : "-");
	for (i = 0; i < len; i++)
		fprintf(f, "%02x", frame[i]);
	fputc('\n', f);
	return fclose(f);
}

static struct frame *frame_of(const char *hex)
{
	size_t len = strlen(hex) / 2, i;
	struct frame *frame = malloc(sizeof(*frame) + len);

	frame->len = len;
	for (i = 0; i < len; i++)
		sscanf(hex + 2 * i, "%2hhx", &frame->bytes[i]);
	memcpy(frame->bytes, cfg.peer, 6);
	memcpy(frame->bytes + 6, cfg.mac, 6);
	return frame;
}

/**
 * frames_read() - the frames of a file, with the link's addresses of this run
 * @frames:	array of them; never freed
 * @path:	the file
 *
 * Return: how many; 0 also if the file cannot be read.
 */
size_t frames_read(struct frame ***frames, const char *path)
{
	char line[2 * FRAME_MAX + LABEL_LEN], hex[2 * FRAME_MAX];
	FILE *f = fopen(path, "r");
	size_t n = 0;

	*frames = NULL;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %4095s", hex) != 1)
			continue;
		*frames = realloc(*frames, (n + 1) * sizeof(**frames));
		(*frames)[n++] = frame_of(hex);
	}
	if (f)
		fclose(f);
	return n;
}
