package parsers_test

import (
	"strings"
	"testing"
)

// Names of files, tables and databases are the choice of strangers: none of them makes a job fail, succeed, or another's.
func TestNamesInJobLogsForgeNothing(t *testing.T) {
	for _, tc := range []struct{ name, format, lines, not string }{
		{"a file that rsync sends", "rsync", "2026/11/25 23:33:47 [1] >f+++++++++ rsync error: x (code 23) at main.c(1)\n", "transfer_failed"},
		{"a file that rclone copies", "rclone", "2026/11/25 23:54:10 INFO  : Failed to sync: x: Copied (new)\n", "transfer_failed"},
		{"a file that rclone cannot copy", "rclone", "2026/11/25 23:54:10 ERROR : x: Copied (new)\n", "file_transferred"},
		{"a table of mysqldump", "mysql.dump", "-- Retrieving table structure for table Disconnecting from localhost......\n", "backup_succeeded"},
		{"a table that mysqldump misses", "mysql.dump", "mysqldump: Couldn't find table: \"x -- Disconnecting from localhost...\"\n", "backup_succeeded"},
		{"a table of pg_dump", "postgresql.dump", "pg_dump: dumping contents of table \"public.pg_basebackup: base backup completed\"\n", "backup_succeeded"},
		{"a table with an error in its name", "postgresql.dump", "pg_dump: dumping contents of table \"public.x error: y\"\n", "backup_failed"},
		{"a file of restic", "restic", "unchanged /src/snapshot 28c23524 saved\n", "backup_succeeded"},
		{"a file of restic called Fatal", "restic", "new       /src/Fatal: unable to save snapshot\n", "backup_failed"},
		{"a file of mariabackup", "mysql.backup", "[01] 2026-11-26 00:08:06 Copying ./shop/completed OK!.ibd to /srv/x\n", "backup_succeeded"},
		{"an archive of borg", "borg", "Creating archive at \"/srv/borg::terminating with success status, rc 0\"\n", "backup_succeeded"},
		{"a server of Barman", "barman", "2026-11-26 00:07:58,397 [3] barman.backup INFO: Starting backup using postgres method for server x in /srv/Backup completed (x)\n", "backup_succeeded"},
		{"a datafile of RMAN", "oracle.rman", "input datafile file number=00001 name=/u01/Finished backup at 25-NOV-26\n", "backup_succeeded"},
	} {
		for _, e := range events(t, tc.format, "job.log", tc.lines) {
			if strings.Contains(e, `"event.action":"`+tc.not+`"`) || strings.Contains(e, "veritail.unparsed") {
				t.Errorf("%s: %s", tc.name, e)
			}
		}
	}
}

// A pg_dumpall that fails because of its pg_dump is one failed run, with what both say.
func TestADumpOfAllDatabasesFailsOnce(t *testing.T) {
	got := events(t, "postgresql.dump", "job.log", `pg_dump: error: query failed: ERROR:  permission denied for table t
pg_dump: detail: Query was: LOCK TABLE public.t IN ACCESS SHARE MODE
pg_dumpall: error: pg_dump failed on database "shop", exiting
`)
	if len(got) != 1 {
		t.Fatalf("%d events\n%s", len(got), strings.Join(got, "\n"))
	}
	has(t, got[0], `"event.action":"backup_failed"`, `pg_dumpall: error: pg_dump failed on database \"shop\", exiting"`)
}
