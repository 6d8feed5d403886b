// SPDX-License-Identifier: GPL-2.0
/*
 * stats --prometheus: counters and state in the text format of Prometheus (0.0.4).
 *
 * Names of services, reasons and options need no escaping.  A metric's name and labels
 * keep their meaning; new ones may be added.
 */
#include <stdio.h>
#include <string.h>

#include "main.h"
#include "prometheus.h"

/* Numbers of the status, or of its flow_cache. */
static const struct {
	const char *object, *key, *name, *type, *help;
} metrics[] = {
	{ NULL, "generation", "generation", "gauge", "changes of the table of services" },
	{ NULL, "engaged", "engaged", "gauge", "services with engage auto that answer now" },
	{ NULL, "embryonic", "embryonic", "gauge", "SYN-ACKs that are remembered" },
	{ NULL, "memory", "memory_bytes", "gauge", "held for this namespace" },
	{ NULL, "epoch", "epoch", "gauge", "number of the epoch that seals" },
	{ NULL, "single_use_held", "used_cookies", "gauge", "used cookies that are held" },
	{ NULL, "single_use_max", "used_cookies_max", "gauge", "how many are to be held" },
	{ NULL, "single_use_unheld", "used_cookies_unheld_total", "counter",
	  "used cookies that found no room" },
	{ "flow_cache", "entries", "flow_cache_entries", "gauge", "connections remembered" },
	{ "flow_cache", "pinned", "flow_cache_pinned", "gauge", "connections pinned" },
	{ "flow_cache", "waiting", "splice_waiting", "gauge", "of those, wait for their server" },
	{ "flow_cache", "bytes", "flow_cache_bytes", "gauge", "held by the flow cache" },
	{ "flow_cache", "limit", "flow_cache_max_bytes", "gauge", "its limit" },
	{ "flow_cache", "evicted", "flow_cache_evicted_total", "counter",
	  "entries that gave way at the limit" },
	{ "flow_cache", "reclaimed", "flow_cache_reclaimed_total", "counter",
	  "entries given up because the system wanted memory" },
	{ "flow_cache", "refused", "flow_cache_refused_total", "counter",
	  "entries not made for want of memory" },
};

static void head(const char *name, const char *type, const char *help)
{
	printf("# HELP cookiebox_%s %s\n# TYPE cookiebox_%s %s\n", name, help, name, type);
}

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void print_status(const json_t *status)
{
	const json_t *value;
	size_t i;

	head("info", "gauge", "version of the module; always 1");
	printf("cookiebox_info{version=\"%s\"} 1\n", text(status, "version"));
	for (i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		value = metrics[i].object ? json_object_get(status, metrics[i].object) : status;
		value = json_object_get(value, metrics[i].key);
		if (!json_is_integer(value))
			continue;
		head(metrics[i].name, metrics[i].type, metrics[i].help);
		printf("cookiebox_%s %lld\n", metrics[i].name,
		       (long long)json_integer_value(value));
	}
}

static void print_reason(const json_t *entry, const json_t *reason, const char *observed)
{
	const char *name = text(reason, "name");
	const char *where = strcmp(observed, "yes") ? "done" : "observed";

	printf("cookiebox_segments_total{service=\"%s\",reason=\"%s\",class=\"%s\","
	       "observed=\"%s\"} %lld\n", text(entry, "service"), name, text(reason, "class"),
	       observed, (long long)json_integer_value(
			json_object_get(json_object_get(entry, where), name)));
}

static void print_segments(const json_t *stats, const json_t *reasons)
{
	const json_t *entry, *reason;
	size_t i, k;

	head("segments_total", "counter", "segments by service and what became of them");
	json_array_foreach(stats, i, entry) {
		json_array_foreach(reasons, k, reason) {
			print_reason(entry, reason, "no");
			print_reason(entry, reason, "yes");
		}
	}
}

static void print_less(const json_t *stats)
{
	const json_t *entry, *value;
	const char *option;
	size_t i;

	head("reduced_total", "counter",
	     "SYNs answered whose connections have less than they offered");
	json_array_foreach(stats, i, entry)
		json_object_foreach(json_object_get(entry, "less"), option, value)
			printf("cookiebox_reduced_total{service=\"%s\",option=\"%s\"} %lld\n",
			       text(entry, "service"), option,
			       (long long)json_integer_value(value));
}

void prometheus_print(const json_t *status, const json_t *stats, const json_t *reasons)
{
	print_status(status);
	print_segments(stats, reasons);
	print_less(stats);
}
