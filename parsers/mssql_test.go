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

func TestOtherMessagesOfSQLServer(t *testing.T) {
	t.Parallel()
	const at = "2024-03-05 10:00:00.12 "
	for _, tc := range []struct {
		text string
		want []string
	}{
		{at + "Logon       Error: 18470, Severity: 14, State: 1.\n" + at + "Logon       Login failed for user 'sa'. Reason: The account is disabled. [CLIENT: 192.0.2.7]\n", []string{`"db_login"`, `"db.response.status_code":"18470"`, `"source.ip":"192.0.2.7"`, `"user.name":"sa"`}},
		{at + "Logon       Login failed for user 'sa'. Reason: The account is disabled. [CLIENT: 192.0.2.7]\n", []string{`"db_login"`, `"db.response.status_code":"18456"`}},
		{at + "Logon       Error: 17806, Severity: 20, State: 14.\n" + at + "Logon       SSPI handshake failed with error code 0x8009030c, state 14 while establishing a connection with integrated security; the connection has been closed. Reason: AcceptSecurityContext failed. The logon attempt failed   [CLIENT: 192.0.2.7]\n", []string{`"db_login_refused"`, `"event.category":"authentication"`, `"source.ip":"192.0.2.7"`}},
		{at + "Logon       Error: 17836, Severity: 20, State: 17.\n" + at + "Logon       Length specified in network packet payload did not match number of bytes read; the connection has been closed. [CLIENT: 192.0.2.7]\n", []string{`"event.outcome":"failure"`, `"source.ip":"192.0.2.7"`}},
		{at + "spid61      Configuration option 'xp_cmdshell' changed from 0 to 1. Run the RECONFIGURE statement to install.\n", []string{`"configuration_changed"`, `"mssql.log.option":"xp_cmdshell"`}},
		{at + "spid61      Setting database option RECOVERY to SIMPLE for database 'shop'.\n", []string{`"configuration_changed"`, `"mssql.log.option":"RECOVERY"`, `"db.namespace":"shop"`}},
		{at + "spid51      Process ID 61 was killed by hostname app01, host process ID 1234.\n", []string{`"admin_terminate"`, `"source.domain":"app01"`}},
		{at + "spid55      DBCC CHECKDB (shop) WITH no_infomsgs executed by sa found 2 errors and repaired 0 errors. Elapsed time: 0 hours 0 minutes 1 seconds.\n", []string{`"corrupt_page"`, `"db.namespace":"shop"`, `"user.name":"sa"`}},
	} {
		got := events(t, "mssql.errorlog", "ERRORLOG", tc.text)
		if len(got) != 1 {
			t.Fatalf("%d events of %s", len(got), tc.text)
		}
		has(t, got[0], tc.want...)
	}
	if got := events(t, "mssql.errorlog", "ERRORLOG", at+"spid55      DBCC CHECKDB (shop) executed by sa found 0 errors and repaired 0 errors.\n"); strings.Contains(got[0], "corrupt") {
		t.Errorf("no error is one: %s", got[0])
	}
}
