#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm-long uml-debug-long
# timeout: 1500
#
# churn.sh, 100 times each.
TIMES=100
. "$(dirname "$0")/churn.sh"
