#!/usr/bin/env bash
# Entry point of the image: configures Flink from the settings, then runs a role (jobmanager, taskmanager, zookeeper) or
# any other command.
set -euo pipefail

# Logs, state and stored job graphs can hold passwords and payments.
umask 077
python -m deploy.image.configuration

case "${1:-}" in
    # Settings, with the passwords in them, are no business of a service: nothing of it may write them anywhere.
    jobmanager | taskmanager) unset "${!SENTINEL_@}" ;;
esac

case "${1:-}" in
    jobmanager) exec "$FLINK_HOME/bin/jobmanager.sh" start-foreground ;;
    # The container's name is the TaskManager's resource id, which deploy/image/health.py looks for.
    taskmanager) exec "$FLINK_HOME/bin/taskmanager.sh" start-foreground "-Dtaskmanager.resource-id=$HOSTNAME" ;;
    # Stores which jobs run and which JobManager leads.
    zookeeper)
        JVM_ARGS=$(python -c 'from deploy.stack.zookeeper import JVM_ARGS; print(JVM_ARGS)')
        export JVM_ARGS
        exec "$FLINK_HOME/bin/flink-console.sh" zookeeper --zkConfigFile "$FLINK_CONF_DIR/zoo.cfg" --peerId 1
        ;;
    *) exec "$@" ;;
esac
