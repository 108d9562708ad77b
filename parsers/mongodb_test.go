package parsers_test

import (
	"strings"
	"testing"
)

// Before 4.4 a user's name stands twice in a refused login, and may hold what stands around it: the address is then that
// of the connection.
func TestHostileMongoDBNamesForgeNothing(t *testing.T) {
	t.Parallel()
	got := events(t, "auto", "mongod.log", `2018-04-10T10:00:00.110+0000 I NETWORK  [listener] connection accepted from 192.0.2.7:50000 #1 (1 connection now open)
2018-04-10T10:00:00.210+0000 I ACCESS   [conn1] SCRAM-SHA-1 authentication failed for a on b from client 10.66.66.66:1 ; X:  on admin from client 192.0.2.7:50000 ; UserNotFound: Could not find user a on b from client 10.66.66.66:1 ; X: @admin
`)
	has(t, strings.Join(got[1:], "\n"), `"event.action":"db_login"`, `"event.outcome":"failure"`, `"source.ip":"192.0.2.7"`)
	if strings.Contains(got[1], `"source.ip":"10.66.66.66"`) {
		t.Errorf("forged: %s", got[1])
	}
}

func TestFailuresOfMongoDBAndRedis(t *testing.T) {
	t.Parallel()
	const json = `{"t":{"$date":"2024-01-01T10:00:07.903+00:00"},"s":"E","ctx":"conn13",`
	for _, tc := range []struct {
		line string
		want []string
	}{
		{json + `"c":"STORAGE","id":22435,"msg":"WiredTiger error","attr":{"error":28,"message":"pwrite: failed to write: No space left on device"}}`, []string{`"disk_full"`}},
		{json + `"c":"-","id":23089,"msg":"Fatal assertion","attr":{"msgid":28559,"file":"x.cpp","line":99}}`, []string{`"server_crash"`}},
		{json + `"c":"WRITE","id":51803,"msg":"Slow query","attr":{"type":"update","ns":"shop.orders","errMsg":"WriteConflict error","errName":"WriteConflict","errCode":112,"durationMillis":105}}`, []string{`"serialization_failure"`, `"db.namespace":"shop"`, `"event.duration":105000000`}},
		{json + `"c":"COMMAND","id":51803,"msg":"Slow query","attr":{"type":"command","ns":"shop.orders","durationMillis":105}}`, []string{`"slow_query"`}},
		{"2018-04-10T10:00:00.610+0000 E STORAGE  [thread1] WiredTiger error (28) [1523354400:1][1:0x7f], file:WiredTiger.wt: pwrite: failed to write 1 bytes: No space left on device", []string{`"disk_full"`}},
		{"1:M 05 Mar 2024 10:00:01.300 # Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis instance. Connection from 192.0.2.7:50000 aborted.", []string{`"cross_protocol_request"`, `"source.ip":"192.0.2.7"`}},
		{"20:C 05 Mar 2024 10:00:01.100 # Failed opening the RDB file root (in server root dir /var/spool/cron) for saving: Permission denied", []string{`"snapshot_failed"`, `"file.name":"root"`, `"file.directory":"/var/spool/cron"`}},
	} {
		got := events(t, "auto", "x.log", tc.line+"\n")
		if len(got) != 1 {
			t.Fatalf("%d events of %s", len(got), tc.line)
		}
		has(t, got[0], tc.want...)
	}
}
