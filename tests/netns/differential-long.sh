#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm-long uml-fast-long
# families: 4 6
# timeout: 900
#
# differential.sh with more of them, of other seeds.
COUNT=5000 SEEDS="2 3"
[ "$PLATFORM" = vm ] || SEEDS="2 3 4 5"
. "$(dirname "$0")/differential.sh"
