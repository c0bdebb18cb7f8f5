#!/bin/bash
# Applies server 3's role to this machine, without a control machine. Further arguments go to Ansible (--check, --tags …).
# INVENTORY names the folder of your inventory.
exec "$(dirname "$(readlink -f "$0")")/../lib/install-here" server3 "$@"
