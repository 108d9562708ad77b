package parsers_test

import "testing"

// The layouts of loggers that the sample has no lines of.
func TestLayoutsOfApplicationLogs(t *testing.T) {
	const at = `"@timestamp":"2026-11-24T10:00:00`
	for _, tc := range []struct {
		name, line string
		want       []string
	}{
		{"Spark", "26/11/24 10:00:00 INFO executor.Executor: Running task 1.0", []string{at, `"log.logger":"executor.Executor"`, `"message":"Running task 1.0"`}},
		{"Hadoop", "261124 100000 148 WARN dfs.DataNode$DataXceiver: slow", []string{at, `"log.logger":"dfs.DataNode$DataXceiver"`, `"log.level":"warning"`, `"process.thread.id":148`}},
		{"ZooKeeper before 3.5", "2026-11-24 10:00:00,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - Notification time out: 3200", []string{at + `.747`, `"log.logger":"FastLeaderElection"`, `"log.origin.file.line":774`, `"message":"Notification time out: 3200"`}},
		{"Windows' servicing", "2026-11-24 10:00:00, Error                 CBS    Failed to get session", []string{at, `"log.level":"error"`, `"log.logger":"CBS"`, `"message":"Failed to get session"`}},
		{"Rust's fern", "[2026-11-24 10:00:00.219][shop::api::identity][ERROR] refused", []string{at + `.219`, `"log.logger":"shop::api::identity"`, `"log.level":"error"`}},
		{"double colons", "2026-11-24 10:00:00,797::WARNING::[interface:657] refused", []string{at + `.797`, `"log.logger":"interface"`, `"log.level":"warning"`, `"message":"refused"`}},
		{"a level in front, and a thread", "[ERROR] 2026-11-24 10:00:00,123 [main] com.example.Shop - refused", []string{at + `.123`, `"log.logger":"com.example.Shop"`, `"process.thread.name":"main"`}},
		{"log4net without a context", "2026-11-24 10:00:00,123 [1] ERROR Shop.Program (null) - refused", []string{at + `.123`, `"log.logger":"Shop.Program"`, `"message":"refused"`}},
		{"slf4j, no stamp", "[main] INFO com.example.Shop - started", []string{`"log.logger":"com.example.Shop"`, `"log.level":"info"`, `"message":"started"`}},
		{"WildFly's console", "10:00:00,123 INFO  [org.jboss.as] (Controller Boot Thread) WFLYSRV0025: started", []string{`"log.logger":"org.jboss.as"`, `"process.thread.name":"Controller Boot Thread"`}},
		{"Serilog's console", "[10:00:00 ERR] refused", []string{`"log.level":"error"`, `"message":"refused"`}},
		{"FortiGate's date and time", `date=2026-11-24 time=02:00:00 devname="fw1" tz="-0800" type="event" level="alert" remip=192.0.2.7 user="bob" msg="SSL user failed to logged in"`, []string{at, `"source.ip":"192.0.2.7"`, `"user.name":"bob"`, `"log.level":"alert"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := events(t, "auto", "x.log", tc.line+"\n")
			if len(got) != 1 {
				t.Fatalf("%d events", len(got))
			}
			has(t, got[0], tc.want...)
		})
	}
}
