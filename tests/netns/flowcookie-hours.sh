#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: uml-time
# families: 4 6
# timeout: 30000
#
# flowcookie.sh over hours of virtual time.
PAUSE=10800
. "$(dirname "$0")/flowcookie.sh"
