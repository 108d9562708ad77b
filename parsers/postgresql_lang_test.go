package parsers_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// Servers with messages in other languages, all but the French one without SQLSTATE in their lines, yield what an English
// one does; the prefix is found out. testdata/README.md says what was done to them.
func TestTranslatedPostgreSQLServersAreUnderstood(t *testing.T) {
	failures := []string{
		"deadlock", "deadlock_found", "serialization_failure", "statement_timeout", "lock_timeout", "lock_waiting", "lock_acquired",
		"unique_violation", "foreign_key_violation", "check_violation", "not_null_violation", "division_by_zero", "access_denied",
		"aborted_transaction_reused", "idle_in_transaction_timeout", "admin_terminate", "user_cancel", "db_login", "db_login_refused",
		"too_many_connections", "crash_recovery", "corrupt_page", "wal_archiving_failed", "connection_received", "duration", "disconnection",
	}
	of15 := append(slices.Clone(failures), "server_crash", "statement", "temporary_file", "checkpoint_completed", "autovacuum_completed")
	of18 := append(failures, "lock_failed", "transaction_timeout", "idle_session_timeout", "raised_exception")
	langs := map[string][]string{"de": of15, "fr": of15}
	for _, lang := range []string{"es", "it", "ja", "ka", "ko", "pl", "pt-br", "ru", "sv", "tr", "uk", "zh-cn"} {
		langs[lang] = of18
	}
	for lang, wants := range langs {
		t.Run(lang, func(t *testing.T) {
			text, err := os.ReadFile("../testdata/postgresql/" + lang + ".log")
			if err != nil {
				t.Fatal(err)
			}
			d, err := shipped(t).NewDecoder(event.Generation{ID: 1, Path: lang + ".log"}, parsers.Options{Near: near})
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			var actions []string
			for _, o := range read(d, text) {
				var e map[string]any
				if err := json.NewDecoder(strings.NewReader(o.text)).Decode(&e); err != nil {
					t.Fatal(err)
				}
				action, _ := e["event.action"].(string)
				actions = append(actions, action)
				got.WriteString(o.text + "\n")
			}
			balanced(t, d, text)
			for _, want := range wants {
				if !slices.Contains(actions, want) {
					t.Errorf("no event is %s", want)
				}
			}
			expected(t, "../testdata/postgresql/"+lang+".json", got.String())
		})
	}
}
