package sentinel.edge;

import org.apache.flink.runtime.state.KeyedStateBackend;
import org.apache.flink.types.Row;

/** Static methods for Python in a TaskManager, which has no gateway but can call these (pemja's findClass). */
public final class KeyedStates {

    private KeyedStates() {}

    /**
     * Switches the key context of an operator, so that state and timers are those of another shard of the subtask.
     *
     * @param backend the operator's KeyedStateBackend
     * @param key Flink key of the shard; a key of another subtask is refused by the backend
     */
    @SuppressWarnings("unchecked")
    public static void useKey(Object backend, long key) {
        ((KeyedStateBackend<Row>) backend).setCurrentKey(Row.of(key));
    }
}
