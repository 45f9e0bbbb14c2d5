#!/usr/bin/env bash
# A SLURM of one node on this machine, to try the workflow's SLURM profile without a cluster.
#
#   apt-get install slurm-wlm munge        (Debian, Ubuntu; as root)
#   workflow/one-node-slurm.sh start
#   workflow/one-node-slurm.sh stop
#
# Needs root. What it makes lies in one folder (FOLDER, by default /tmp/one-node-slurm), but for a link to its
# configuration in /etc/slurm, where Snakemake's jobs look for it. A machine that is in a cluster already is refused.
set -euo pipefail
FOLDER=${FOLDER:-/tmp/one-node-slurm}
CONF=$FOLDER/slurm.conf
LINK=/etc/slurm/slurm.conf

configure() {
  mkdir -p "$FOLDER"/{state,spool,munge}
  chmod 700 "$FOLDER/munge"
  [ -f "$FOLDER/munge/key" ] || (umask 077 && head -c 1024 /dev/urandom >"$FOLDER/munge/key")
  local memory
  memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
  cat >"$CONF" <<END
ClusterName=here
SlurmctldHost=$(hostname -s)(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$FOLDER/munge/socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$FOLDER/state
SlurmdSpoolDir=$FOLDER/spool
SlurmctldPidFile=$FOLDER/slurmctld.pid
SlurmdPidFile=$FOLDER/slurmd.pid
SlurmctldLogFile=$FOLDER/slurmctld.log
SlurmdLogFile=$FOLDER/slurmd.log
SlurmctldPort=6917
SlurmdPort=6918
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
ReturnToService=2
MpiDefault=none
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=here Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
}

start() {
  if [ -e "$LINK" ] && [ "$(readlink "$LINK")" != "$CONF" ]; then
    echo "$LINK is of another SLURM: nothing is started." >&2
    exit 1
  fi
  configure
  mkdir -p "$(dirname "$LINK")"
  ln -sfn "$CONF" "$LINK"
  munged --force --key-file="$FOLDER/munge/key" --socket="$FOLDER/munge/socket" --pid-file="$FOLDER/munge/pid" \
    --log-file="$FOLDER/munge/log" --seed-file="$FOLDER/munge/seed"
  SLURM_CONF=$CONF slurmctld -f "$CONF"
  SLURM_CONF=$CONF slurmd -f "$CONF"
  for _ in $(seq 60); do
    if SLURM_CONF=$CONF sinfo --noheader --format %T 2>/dev/null | grep -q '^idle'; then
      return
    fi
    sleep 1
  done
  echo "The node did not come up; see $FOLDER/slurmctld.log and $FOLDER/slurmd.log." >&2
  stop
  exit 1
}

stop() {
  if [ "$(readlink "$LINK")" = "$CONF" ]; then rm "$LINK"; fi
  for name in slurmd slurmctld munge/; do
    pid=$FOLDER/${name%/}$([ "$name" = munge/ ] && echo /pid || echo .pid)
    if [ -f "$pid" ]; then kill "$(cat "$pid")" 2>/dev/null || true; fi
  done
}

case "${1:-}" in
start) start ;;
stop) stop ;;
*)
  echo "usage: $0 start|stop" >&2
  exit 2
  ;;
esac
