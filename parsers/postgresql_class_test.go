package parsers_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// classCase is a case of testdata/pganalyze/analyze.jsonl: the lines of one process, and what each of them is.
type classCase struct {
	ID    string
	Lines []struct{ Content, Level string }
	Want  []struct{ Classification, Level, Query string } `json:"expected"`
}

// actionOf says which event.action stands for a class of pganalyze's; several where ours are finer.
var actionOf = map[string][]string{
	"STATEMENT_DURATION": {"duration"}, "STATEMENT_LOG": {"statement"}, "STATEMENT_AUTO_EXPLAIN": {"plan"},
	"CONNECTION_RECEIVED": {"connection_received"}, "CONNECTION_AUTHORIZED": {"db_login"},
	"CONNECTION_REJECTED": {"db_login", "db_login_refused"}, "CONNECTION_DISCONNECTED": {"disconnection"},
	"CONNECTION_LOST": {"connection_lost"}, "CONNECTION_LOST_OPEN_TX": {"connection_lost_in_transaction"},
	"CONNECTION_TERMINATED": {"admin_terminate"}, "OUT_OF_CONNECTIONS": {"too_many_connections"},
	"TOO_MANY_CONNECTIONS_DATABASE": {"too_many_connections"}, "PROTOCOL_ERROR_UNSUPPORTED_VERSION": {"protocol_violation"},
	"CHECKPOINT_STARTING": {"checkpoint_started"}, "CHECKPOINT_COMPLETE": {"checkpoint_completed"},
	"CHECKPOINT_TOO_FREQUENT": {"checkpoints_too_frequent"}, "RESTARTPOINT_COMPLETE": {"restartpoint_completed"},
	"WAL_INVALID_RECORD_LENGTH": {"wal_end"}, "WAL_REDO": {"wal_redo"},
	"WAL_ARCHIVE_COMMAND_FAILED": {"wal_archiving_failed", "wal_archiving_postponed"},
	"LOCK_ACQUIRED":              {"lock_acquired"}, "LOCK_TIMEOUT": {"lock_timeout"}, "LOCK_DEADLOCK_DETECTED": {"deadlock_found"}, "LOCK_WAITING": {"lock_waiting"},
	"AUTOVACUUM_CANCEL": {"autovacuum_canceled"}, "AUTOVACUUM_LAUNCHER_STARTED": {"autovacuum_started"},
	"AUTOVACUUM_LAUNCHER_SHUTTING_DOWN": {"autovacuum_stopped"}, "AUTOVACUUM_COMPLETED": {"autovacuum_completed"},
	"AUTOANALYZE_COMPLETED": {"autoanalyze_completed"}, "SKIPPING_VACUUM_LOCK_NOT_AVAILABLE": {"vacuum_skipped"},
	"TXID_WRAPAROUND_WARNING": {"wraparound_warning"}, "TXID_WRAPAROUND_ERROR": {"wraparound_stop"},
	"STATEMENT_CANCELED_USER": {"user_cancel"}, "SERVER_CRASHED": {"server_crash", "crash_cleanup"},
	"SERVER_START_RECOVERING": {"server_recovering", "crash_recovery"}, "SERVER_TEMP_FILE_CREATED": {"temporary_file"},
	"SERVER_OUT_OF_MEMORY": {"out_of_memory"}, "SERVER_INVALID_CHECKSUM": {"checksum_failed", "corrupt_page"},
	"SERVER_PROCESS_EXITED": {"server_process_exited"}, "SERVER_STATS_COLLECTOR_TIMEOUT": {"statistics_timeout"},
	"STANDBY_STARTED_STREAMING": {"streaming_started"}, "STANDBY_STREAMING_INTERRUPTED": {"streaming_interrupted"},
	"STANDBY_CONSISTENT_RECOVERY_STATE": {"standby_consistent"}, "STANDBY_INVALID_TIMELINE": {"invalid_timeline"},
	"UNIQUE_CONSTRAINT_VIOLATION": {"unique_violation"}, "FOREIGN_KEY_CONSTRAINT_VIOLATION": {"foreign_key_violation"},
	"CHECK_CONSTRAINT_VIOLATION": {"check_violation"}, "WITH_CHECK_OPTION_VIOLATION": {"check_option_violation"},
	"SYNTAX_ERROR": {"syntax_error"}, "UNTERMINATED_QUOTED_STRING": {"syntax_error"}, "SUBQUERY_MISSING_ALIAS": {"syntax_error"},
	"INVALID_INPUT_SYNTAX": {"invalid_input"}, "MALFORMED_ARRAY_LITERAL": {"invalid_input"}, "VALUE_TOO_LONG_FOR_TYPE": {"value_too_long"},
	"ANY_ALL_REQUIRES_ARRAY": {"wrong_object_type"}, "WRONG_OBJECT_TYPE": {"wrong_object_type"},
	"RELATION_DOES_NOT_EXIST": {"undefined_table"}, "COLUMN_DOES_NOT_EXIST": {"undefined_column"}, "FUNCTION_DOES_NOT_EXIST": {"undefined_function"},
	"OBJECT_DOES_NOT_EXIST": {"undefined_object"}, "PARAM_MISSING": {"undefined_parameter"}, "COLUMN_REFERENCE_AMBIGUOUS": {"ambiguous_name"},
	"OBJECT_ALREADY_EXISTS": {"duplicate_object"}, "TRANSACTION_IS_ABORTED": {"aborted_transaction_reused"},
	"ON_CONFLICT_ROW_AFFECTED_TWICE": {"cardinality_violation"}, "DIVISION_BY_ZERO": {"division_by_zero"},
	"INTEGER_OUT_OF_RANGE": {"numeric_out_of_range"}, "VALUE_OUT_OF_RANGE": {"numeric_out_of_range"},
	"SQL_JSON_ERROR": {"sql_json_error"}, "PERMISSION_DENIED": {"access_denied"}, "INVALID_BYTE_SEQUENCE": {"invalid_byte_sequence"},
	"COULD_NOT_SERIALIZE_SERIALIZABLE": {"serialization_failure"},
}

// What pganalyze's collector tells apart, our event.action does.
func TestPostgreSQLMessagesAreToldApart(t *testing.T) {
	for _, tc := range jsonLines[classCase](t, "../testdata/pganalyze/analyze.jsonl") {
		t.Run(tc.ID, func(t *testing.T) {
			var text strings.Builder
			for _, l := range tc.Lines {
				content := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(l.Content), "\n\t", "\n"), "\n", "\n\t")
				fmt.Fprintf(&text, "2026-11-24 10:00:00.000 UTC [7] app@shop %s:  %s\n", cmp.Or(l.Level, "LOG"), content)
			}
			events := events(t, "postgresql.stderr", "x.log", text.String())
			for i, want := range tc.Want {
				if want.Classification == "" {
					continue // DETAIL, HINT … belong to the record before
				}
				if len(events) == 0 {
					t.Fatalf("line %d: no event left", i)
				}
				var got struct {
					Action string `json:"event.action"`
					Query  string `json:"db.query.text"`
				}
				if err := json.Unmarshal([]byte(events[0]), &got); err != nil {
					t.Fatal(err)
				}
				if !slices.Contains(actionOf[want.Classification], got.Action) {
					t.Errorf("%q: %s is no %s", tc.Lines[i].Content, got.Action, want.Classification)
				}
				if flat := strings.Join(strings.Fields(got.Query), " "); want.Query != "" && flat != strings.Join(strings.Fields(want.Query), " ") {
					t.Errorf("statement %q, want %q", got.Query, want.Query)
				}
				events = events[1:]
			}
			if len(events) > 0 {
				t.Errorf("%d events too many", len(events))
			}
		})
	}
}
