# SPDX-License-Identifier: GPL-2.0
#
# The menu of cookiebox. `make help` prints it. Everything made goes to build/, except what is
# expensive and shared between checkouts, which goes to the cache (scripts/cache.sh).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all

KERNELS := 6.1 6.12
RUNNING := $(shell uname -r)
JOBS ?= $(shell nproc)

DESTDIR ?=
PREFIX ?= /usr
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
MODULESLOADDIR ?= $(PREFIX)/lib/modules-load.d
SRCDIR ?= $(PREFIX)/src
XTABLESDIR ?= $(shell pkg-config --variable=xtlibdir xtables 2>/dev/null || echo $(PREFIX)/lib/xtables)

CC ?= gcc
CFLAGS ?= -O2 -g
USER_CFLAGS = -std=gnu11 -Wall -Wextra -Werror -Imodule/uapi -Iuserspace $(CFLAGS)

VERSION = $(shell sed -n 's/^\#define CB_VERSION "\(.*\)"/\1/p' module/main.c)

# Nothing if this make was itself told how parallel to be.
parallel = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

# The header tree of a release: the machine's own, else the unpacked one.
kdir = $(or $(KDIR),$(wildcard /lib/modules/$(1)/build),$(abspath build/kernels/$(1)/lib/modules/$(1)/build))
# What is built when no KVER is given: for this kernel, else for both of Debian 12.
DEFAULT_KVERS = $(if $(wildcard /lib/modules/$(RUNNING)/build),$(RUNNING),$(KERNELS))
# 6.1 and 6.12 stand for the releases that were unpacked for them.
release = $(if $(filter $(KERNELS),$(1)),$(shell readlink build/kernels/$(1)),$(1))

places = DESTDIR="$(DESTDIR)" SBINDIR="$(SBINDIR)" MANDIR="$(MANDIR)" XTABLESDIR="$(XTABLESDIR)" \
	COMPLETIONDIR="$(COMPLETIONDIR)" SYSCONFDIR="$(SYSCONFDIR)" UNITDIR="$(UNITDIR)" \
	MODULESLOADDIR="$(MODULESLOADDIR)" SRCDIR="$(SRCDIR)"

.PHONY: all module modules userspace module-uml install uninstall dkms demo demo-gateway \
	demo-recovery check check-long bench \
	lint deps clean help

## make                     the module (for this kernel, else for both Debian kernels) and the tool
all: $(if $(wildcard /lib/modules/$(RUNNING)/build),,build/kernels/.deps)
	@for kver in $(DEFAULT_KVERS); do $(MAKE) module KVER=$$kver; done
	@$(MAKE) userspace

## make demo                watch a web server survive a SYN flood, in a throw-away VM
demo: deps
	@$(MAKE) modules userspace
	@tests/demo/run

## make demo-gateway        the same on a router in front of a stock server
demo-gateway: deps
	@$(MAKE) modules userspace
	@tests/demo/gateway

## make demo-recovery       how it recovers from recorded ACKs sent again, and from real connections
demo-recovery: deps
	@$(MAKE) modules userspace
	@tests/demo/recovery

## make bench               what a segment costs, cookiebox and its peers; BENCH="--uml", "--profile ...",
##                          BASELINE=update: make it the figures that make check compares with;
##                          FIGURE=update: renew Documentation/bench.svg
bench: deps
	@$(MAKE) modules userspace
	@tests/bench/run $(if $(filter update,$(BASELINE)),--update-baseline) \
		$(if $(filter update,$(FIGURE)),--update-figure) $(BENCH)

## make check               all tests; ends with "N passed, N failed"; FULL=1: heavy ones everywhere
check: deps
	@tests/run check

## make check-long          the tests that take hours instead of minutes
check-long: deps
	@tests/run check-long

## make module KVER=R       the module for release R (or 6.1, 6.12): build/R/cookiebox.ko
module:
	+@scripts/build-module "$(or $(call release,$(KVER)),$(RUNNING))" \
		"$(call kdir,$(or $(call release,$(KVER)),$(RUNNING)))" $(parallel) $(KFLAGS)

## make modules             the module for both Debian kernels
modules: build/kernels/.deps
	@for kver in $(KERNELS); do $(MAKE) module KVER=$$kver; done

## make module-uml          the module and its KUnit suites for User-Mode Linux: build/uml-*/
module-uml:
	+@tests/uml/modules $(parallel)

## make userspace           the tool and the iptables extension: build/cookiebox, build/libxt_COOKIEBOX.so
userspace: build/cookiebox build/libxt_COOKIEBOX.so

TOOL_SOURCES := $(filter-out userspace/libxt_COOKIEBOX.c,$(wildcard userspace/*.c))
TOOL_HEADERS := $(wildcard userspace/*.h module/uapi/linux/*.h module/reason.h)

build/cookiebox: $(TOOL_SOURCES) $(TOOL_HEADERS) Makefile
	@mkdir -p build
	@echo "  CC      $@"
	@$(CC) $(USER_CFLAGS) $(CPPFLAGS) $(shell pkg-config --cflags libmnl jansson) -o $@ \
		$(TOOL_SOURCES) $(LDFLAGS) $(shell pkg-config --libs libmnl jansson)

build/libxt_COOKIEBOX.so: userspace/libxt_COOKIEBOX.c $(wildcard module/uapi/linux/netfilter/*.h) Makefile
	@mkdir -p build
	@echo "  CC      $@"
	@$(CC) $(USER_CFLAGS) $(CPPFLAGS) $(shell pkg-config --cflags xtables) -fPIC -shared -o $@ $< \
		$(LDFLAGS)

## make install             module of this kernel (KVER=R: of R), tool, unit, manual, ...; DESTDIR, PREFIX
install: KREL = $(or $(call release,$(KVER)),$(RUNNING))
install: userspace
	@[ -e build/$(KREL)/cookiebox.ko ] || $(MAKE) module KVER=$(KREL)
	@$(places) scripts/install install "$(KREL)" "$(VERSION)"

## make uninstall           takes away what install and dkms put there; a changed /etc/cookiebox.conf stays
uninstall: KREL = $(or $(call release,$(KVER)),$(RUNNING))
uninstall:
	@$(places) scripts/install uninstall "$(KREL)" "$(VERSION)"

## make dkms                the module's source to /usr/src, and dkms builds it for every kernel
dkms:
	@$(places) scripts/install dkms "$(RUNNING)" "$(VERSION)"

## make lint                style and static checks only
lint: deps
	@tests/run lint

## make deps                what the others need: packages, both kernels, the kernel source
deps:
	@scripts/deps

build/kernels/.deps:
	@scripts/deps --kernels

## make clean               removes build/; the cache outside the checkout stays
clean:
	rm -rf build

## make help                this menu
help:
	@sed -n 's/^## //p' $(firstword $(MAKEFILE_LIST))
