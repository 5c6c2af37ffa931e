#!/bin/sh
# A simulated day through a cluster on this machine: 10,000,000 pushes, 1,000,000 text messages and 5,000,000 mails, times
# --scale (0.01 when it is not given). It ends with an error unless each was accepted, reached its vendor, and is in the account.
#
#   bench/day.sh [--scale 1] [--quick] [--keep]
exec python3 "$(dirname "$0")/cluster.py" --only day "$@"
