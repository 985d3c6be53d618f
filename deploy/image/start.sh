#!/usr/bin/env bash
# What a container of the image does: it configures its Flink from the settings, then runs the role that is named, or
# any other command with that configuration in force.
set -euo pipefail

python -m deploy.image.configuration

case "${1:-}" in
    jobmanager) exec "$FLINK_HOME/bin/jobmanager.sh" start-foreground ;;
    # The container's name is the TaskManager's in the web UI as well; deploy/image/health.py looks for it.
    taskmanager) exec "$FLINK_HOME/bin/taskmanager.sh" start-foreground "-Dtaskmanager.resource-id=$HOSTNAME" ;;
    # What jobs run and which JobManager leads is remembered there.
    zookeeper)
        JVM_ARGS=$(python -c 'from deploy.stack.zookeeper import JVM_ARGS; print(JVM_ARGS)')
        export JVM_ARGS
        exec "$FLINK_HOME/bin/flink-console.sh" zookeeper --zkConfigFile "$FLINK_CONF_DIR/zoo.cfg" --peerId 1
        ;;
    *) exec "$@" ;;
esac
