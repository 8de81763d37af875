#!/bin/sh
# Classes and people of the platform in Slurm's accounting; what is there already is put right. As a Slurm administrator:
#   accounts.sh classes [CORES]     one quality of service for each class; CORES is what one person may use at a time
#   accounts.sh people NAME...      may run their own work: class data-access
#   accounts.sh operators NAME...   may run all classes; the account of the batch service belongs here
set -eu
account=hven
all=hven-data-release,hven-calibration,hven-data-access,hven-ocs-driven,hven-offline,hven-prompt

ask() { sacctmgr --immediate --quiet "$@"; }

# Succeeds also where nothing needed to change, which sacctmgr calls a failure.
put() { said=$(ask "$@" 2>&1) || case "$said" in *"lready exist"*|*"Nothing"*|*"nothing"*) ;; *) echo "$said" >&2; exit 1 ;; esac; }

classes() {
    put add account "$account" description="observatory" organization="observatory"
    put add qos "$all"
    priority=10
    for class in data-release calibration data-access ocs-driven offline prompt; do
        put modify qos "hven-$class" set priority=$priority
        priority=$((priority + 10))
    done
    put modify qos hven-prompt set preempt=hven-data-release,hven-calibration,hven-offline
    put modify qos hven-data-access set maxtresperuser="cpu=${1:--1}"
}

people() {
    for name in "$@"; do
        put add user "$name" account="$account"
        put modify user "$name" account="$account" set qos=hven-data-access defaultqos=hven-data-access
    done
}

operators() {
    for name in "$@"; do
        put add user "$name" account="$account"
        put modify user "$name" account="$account" set qos="$all" defaultqos=hven-data-access
    done
}

case "${1:-}" in
    classes|people|operators) verb=$1; shift; "$verb" "$@" ;;
    *) sed -n '2,5s/^# //p' "$0" >&2; exit 2 ;;
esac
