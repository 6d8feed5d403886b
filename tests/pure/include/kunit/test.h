/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of KUnit as the suites in tests/kunit use, so that the same suites
 * run in userspace (and there under ASAN and UBSAN).  One suite per program;
 * kunit_test_suites() makes its main().  One result line per case, with the
 * parameter that failed; parametrised cases count once.
 */
#ifndef CB_SHIM_KUNIT_H
#define CB_SHIM_KUNIT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/types.h>
#include <linux/string.h>

#define KUNIT_PARAM_DESC_SIZE	128
#define GFP_KERNEL		0
#define SHIM_ALLOCATIONS	4096
#define SHIM_COMPLAINTS		10

struct kunit {
	const void *param_value;
	const char *param_desc;
	unsigned int failures;
	unsigned int n_alloc;
	void *alloc[SHIM_ALLOCATIONS];
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
	const void *(*generate_params)(const void *prev, char *desc);
};

struct kunit_suite {
	const char *name;
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(fn)			{ fn, #fn, NULL }
#define KUNIT_CASE_PARAM(fn, gen)	{ fn, #fn, gen }
#define KUNIT_ARRAY_PARAM(name, array, get_desc) \
	static const void *name##_gen_params(const void *prev, char *desc) \
	{ \
		__typeof__(&(array)[0]) next = prev ? (__typeof__(next))prev + 1 : (array); \
		if ((size_t)(next - (array)) >= ARRAY_SIZE(array)) \
			return NULL; \
		get_desc(next, desc); \
		return next; \
	}

static inline void *kunit_kmalloc(struct kunit *test, size_t size, int gfp)
{
	void *p = malloc(size);

	(void)gfp;
	if (!p || test->n_alloc == SHIM_ALLOCATIONS)
		abort();
	test->alloc[test->n_alloc++] = p;
	return p;
}

__attribute__((format(printf, 5, 6)))
static inline void shim_expect(struct kunit *test, bool ok, const char *file, int line,
			       const char *fmt, ...)
{
	va_list args;

	if (ok || test->failures++ >= SHIM_COMPLAINTS)
		return;
	printf("# %s:%d: %s%s", file, line, test->param_desc ? test->param_desc : "",
	       test->param_desc ? ": " : "");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

#define shim_compare(t, a, op, b) do { \
	long long left_ = (long long)(a), right_ = (long long)(b); \
	shim_expect(t, left_ op right_, __FILE__, __LINE__, "%s (0x%llx) %s %s (0x%llx)", \
		    #a, left_, #op, #b, right_); \
} while (0)

#define KUNIT_EXPECT_TRUE(t, c)		shim_expect(t, c, __FILE__, __LINE__, "%s", #c)
#define KUNIT_EXPECT_FALSE(t, c)	shim_expect(t, !(c), __FILE__, __LINE__, "not %s", #c)
#define KUNIT_EXPECT_EQ(t, a, b)	shim_compare(t, a, ==, b)
#define KUNIT_EXPECT_NE(t, a, b)	shim_compare(t, a, !=, b)
#define KUNIT_EXPECT_LE(t, a, b)	shim_compare(t, a, <=, b)
#define KUNIT_EXPECT_TRUE_MSG(t, c, ...) shim_expect(t, c, __FILE__, __LINE__, __VA_ARGS__)
#define KUNIT_FAIL(t, ...)		shim_expect(t, false, __FILE__, __LINE__, __VA_ARGS__)

static inline void shim_run_once(struct kunit *test, const struct kunit_case *c)
{
	test->n_alloc = 0;
	c->run_case(test);
	while (test->n_alloc)
		free(test->alloc[--test->n_alloc]);
}

static inline void shim_run(struct kunit *test, const struct kunit_case *c)
{
	char desc[KUNIT_PARAM_DESC_SIZE] = "";

	test->failures = 0;
	test->param_value = NULL;
	test->param_desc = NULL;
	if (!c->generate_params) {
		shim_run_once(test, c);
		return;
	}
	test->param_desc = desc;
	while ((test->param_value = c->generate_params(test->param_value, desc)))
		shim_run_once(test, c);
}

static inline int shim_suite(const struct kunit_suite *suite)
{
	static struct kunit test;
	unsigned int i, failed = 0;

	for (i = 0; suite->test_cases[i].run_case; i++) {
		shim_run(&test, &suite->test_cases[i]);
		printf("%s %u - %s.%s\n", test.failures ? "not ok" : "ok", i + 1, suite->name,
		       suite->test_cases[i].name);
		failed += !!test.failures;
	}
	printf("1..%u\n", i);
	return !!failed;
}

#define kunit_test_suites(suite) \
	int main(void) \
	{ \
		return shim_suite(suite); \
	}

#endif
