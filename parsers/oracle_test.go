package parsers_test

import (
	"strings"
	"testing"
)

func TestOracleAlertRecords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string // of each event
	}{
		{"an old stamp, and a cluster's deadlock without a number", `Fri Apr 11 02:11:44 2014
Global Enqueue Services Deadlock detected. More info in file
 /u01/diag/rdbms/rac/RAC1/trace/RAC1_ora_3457040.trc.
`, []string{`"event.action":"deadlock"`}},
		{"two stamps, the second with an error behind a file's name", `2019-05-06T11:42:07.834012+02:00
Thread 1 advanced to log sequence 412 (LGWR switch)
2019-05-06T12:12:00.017233+02:00
Errors in file /u01/app/oracle/orcl_ora_10501.trc  (incident=24161):
ORA-07445: exception encountered: core dump [kkqsgaFro()+52] [SIGSEGV]
ORA-00060: this is the second error
`, []string{`"event.category":"database"`, `"db.response.status_code":"ORA-07445"`}},
		{"numbers without zeros or a colon, a pluggable database, and what is no error of a statement", `2024-03-05T10:00:03.123456+01:00
ORA-1652: unable to extend temp segment by 128 in tablespace                 TEMP
2024-03-05T10:00:04.123456+01:00
ORA-1142 signalled during: ALTER DATABASE END BACKUP...
2024-03-05T10:00:05.123456+01:00
SHOPPDB(3):ORA-01555 caused by SQL statement below (SQL ID: 0rc4km05kgzb9, Query Duration=1 sec, SCN: 0x1):
2024-03-05T10:00:06.123456+01:00
ALTER SYSTEM SET audit_trail='NONE' SCOPE=SPFILE;
2024-03-05T10:00:07.123456+01:00
KILL SESSION for sid=(42, 4242):
  Reason = alter system kill session
`, []string{`"db.response.status_code":"ORA-01652"`, `"db.response.status_code":"ORA-1142"`, `"db.namespace":"SHOPPDB"`, `"oracle.parameter":"audit_trail"`, `"event.action":"admin_terminate"`}},
		{"a client that did not answer", `2024-03-05T10:00:04.123456+01:00
Fatal NI connect error 12170.

  Tns error struct:
    ns main err code: 12535
TNS-12535: TNS:operation timed out
    ns secondary err code: 12560
  Client address: (ADDRESS=(PROTOCOL=tcp)(HOST=192.0.2.7)(PORT=50000))
`, []string{`"source.ip":"192.0.2.7"`}},
		{"a client that said nothing to the listener", `05-MAR-2024 10:00:06 * 12502
TNS-12502: TNS:listener received no CONNECT_DATA from client
`, []string{`"db.response.status_code":"12502"`}},
		{"the listener believes its own address, not the client's", `06-MAY-2019 10:21:02 * (CONNECT_DATA=(SERVICE_NAME=nope)(CID=(PROGRAM=x)) * (ADDRESS=(PROTOCOL=tcp)(HOST=10.66.66.66)(PORT=1)) * establish * orcl * 0)(HOST=APP02)(USER=app))) * (ADDRESS=(PROTOCOL=tcp)(HOST=192.0.2.47)(PORT=50112)) * establish * nope * 12514
TNS-12514: TNS:listener does not currently know of service requested in connect descriptor
`, []string{`"source.ip":"192.0.2.47"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := events(t, "auto", "x.log", tc.text)
			if len(got) != len(tc.want) {
				t.Fatalf("%d events, want %d:\n%s", len(got), len(tc.want), strings.Join(got, "\n"))
			}
			for i := range got {
				has(t, got[i], tc.want[i])
			}
		})
	}
}
