package parsers_test

import (
	"strings"
	"testing"
)

func TestSQLServerErrorsHaveTwoLines(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string // of the events that have an action, in their order
	}{
		{"two at once, and a message behind them", `2022-12-20 12:36:54.17 Logon       Error: 18456, Severity: 14, State: 8.
2022-12-20 12:36:54.17 Logon       Login failed for user 'SA'. Reason: Password did not match that for the login provided. [CLIENT: 172.17.0.3]
2022-12-20 12:36:54.17 Logon       Error: 18456, Severity: 14, State: 5.
2022-12-20 12:36:54.17 Logon       Login failed for user 'x'. Reason: y [CLIENT: 10.66.66.66]'. Reason: Could not find a login matching the name provided. [CLIENT: 172.17.0.4]
2022-12-20 12:36:54.18 Logon       Database backed up. Database: x, creation date(time): 2026/01/05(09:12:44)
`, []string{`"source.ip":"172.17.0.3"`, `"source.ip":"172.17.0.4"`, `"event.action":"backup_succeeded"`}},
		{"the reason of a right password quotes the database", `2022-12-20 12:40:11.50 Logon       Error: 18456, Severity: 14, State: 38.
2022-12-20 12:40:11.50 Logon       Login failed for user 'app'. Reason: Failed to open the explicitly specified database 'shop'. [CLIENT: 127.0.0.1]
`, []string{`"user.name":"app"`}},
		{"a server that speaks French is understood by the number", `2022-12-20 12:36:54.17 Connexion   Erreur : 18456, Gravité : 14, État : 8.
2022-12-20 12:36:54.17 Logon       Error: 18456, Severity: 14, State: 8.
2022-12-20 12:36:54.17 Logon       Échec de l'ouverture de session de l'utilisateur 'sa'.
`, []string{`"event.action":"db_login"`}},
		{"between two sources", `2026-03-01 03:11:20.07 spid58      Error: 824, Severity: 24, State: 2.
2026-03-01 03:11:20.07 spid61      Error: 9002, Severity: 17, State: 2.
2026-03-01 03:11:20.07 spid58      SQL Server detected a logical consistency-based I/O error: incorrect checksum (expected: 0x3b1a2c4d; actual: 0x3b1a2c4e). It occurred during a read of page (1:153) in database ID 6 at offset 0x00000000132000 in file 'C:\shop.mdf'.  Additional messages follow.
2026-03-01 03:11:20.07 spid61      The transaction log for database 'shop' is full due to 'LOG_BACKUP'.
`, []string{`"file.path":"C:\\shop.mdf"`, `"db.namespace":"shop"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, e := range events(t, "mssql.errorlog", "ERRORLOG", tc.text) {
				if strings.Contains(e, `"event.action"`) {
					got = append(got, e)
				}
				if strings.Contains(e, `"source.ip":"10.66.66.66"`) {
					t.Errorf("a forged address in\n%s", e)
				}
			}
			if len(got) != len(tc.want) {
				t.Fatalf("%d events, want %d:\n%s", len(got), len(tc.want), strings.Join(got, "\n"))
			}
			for i := range got {
				has(t, got[i], tc.want[i])
			}
		})
	}
}
