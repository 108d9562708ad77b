package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A source is a program that logs logins: how it tells of one that fails and of one that succeeds, by user and address, at a time.
type source struct {
	format       string
	failed, came func(at time.Time, n int, user, ip string) string // came nil: it does not tell
}

func syslogStamp(at time.Time) string { return at.Format("Jan _2 15:04:05") }

var sources = map[string]source{
	"sshd": {format: "syslog.rfc3164",
		failed: func(at time.Time, n int, user, ip string) string {
			return fmt.Sprintf("%s app01 sshd[%d]: Failed password for %s from %s port %d ssh2\n", syslogStamp(at), 5000+n, user, ip, 40000+n)
		},
		came: func(at time.Time, n int, user, ip string) string {
			return fmt.Sprintf("%s app01 sshd[%d]: Accepted password for %s from %s port %d ssh2\n", syslogStamp(at), 5000+n, user, ip, 40000+n)
		}},
	"PAM": {format: "syslog.rfc3164",
		failed: func(at time.Time, n int, user, ip string) string {
			return fmt.Sprintf("%s ftp1 vsftpd[%d]: pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=%[3]s rhost=%[4]s  user=%[3]s\n", syslogStamp(at), 5000+n, user, ip)
		}},
	"web basic authentication, nginx": {format: "nginx.access",
		failed: func(at time.Time, _ int, user, ip string) string {
			return fmt.Sprintf("%s - %s [%s] \"GET /private/ HTTP/1.1\" 401 179 \"-\" \"curl\"\n", ip, user, at.Format("02/Jan/2006:15:04:05 -0700"))
		},
		came: func(at time.Time, _ int, user, ip string) string {
			return fmt.Sprintf("%s - %s [%s] \"GET /private/ HTTP/1.1\" 200 179 \"-\" \"curl\"\n", ip, user, at.Format("02/Jan/2006:15:04:05 -0700"))
		}},
	"web basic authentication, Apache's error log": {format: "apache.error",
		failed: func(at time.Time, n int, user, ip string) string {
			return fmt.Sprintf("[%s] [auth_basic:error] [pid 1:tid 2] [client %s:%d] AH01617: user %s: authentication failure for \"/private/\": Password Mismatch\n", at.Format("Mon Jan 02 15:04:05.000000 2006"), ip, 40000+n, user)
		}},
	"an application in ECS": {format: "json",
		failed: func(at time.Time, _ int, user, ip string) string {
			return fmt.Sprintf(`{"@timestamp":%q,"message":"login refused","event":{"category":["authentication"],"action":"login","outcome":"failure"},"source":{"ip":%q},"user":{"name":%q}}`+"\n", at.Format(time.RFC3339), ip, user)
		},
		came: func(at time.Time, _ int, user, ip string) string {
			return fmt.Sprintf(`{"@timestamp":%q,"message":"login","event":{"category":["authentication"],"action":"login","outcome":"success"},"source":{"ip":%q},"user":{"name":%q}}`+"\n", at.Format(time.RFC3339), ip, user)
		}},
	"PostgreSQL": {format: "postgresql.stderr",
		failed: func(at time.Time, n int, user, ip string) string {
			return fmt.Sprintf("%[1]s [%[2]d] [unknown]@[unknown] LOG:  connection received: host=%[4]s port=46512\n%[1]s [%[2]d] %[3]s@shop FATAL:  password authentication failed for user \"%[3]s\"\n",
				at.Format("2006-01-02 15:04:05.000 MST"), 5000+n, user, ip)
		},
		came: func(at time.Time, n int, user, ip string) string {
			return fmt.Sprintf("%[1]s [%[2]d] [unknown]@[unknown] LOG:  connection received: host=%[4]s port=46512\n%[1]s [%[2]d] %[3]s@shop LOG:  connection authorized: user=%[3]s database=shop\n",
				at.Format("2006-01-02 15:04:05.000 MST"), 5000+n, user, ip)
		}},
	"MySQL's error log": {format: "mysql.error",
		failed: func(at time.Time, n int, user, ip string) string {
			return fmt.Sprintf("%s %d [Note] [MY-010926] [Server] Access denied for user '%s'@'%s' (using password: YES)\n", at.Format("2006-01-02T15:04:05.000000Z"), 20+n, user, ip)
		}},
	"MariaDB's audit log": {format: "mariadb.audit",
		failed: func(at time.Time, n int, user, ip string) string {
			return fmt.Sprintf("%s,db1,%s,%s,%d,0,FAILED_CONNECT,,,1045\n", at.Format("20060102 15:04:05"), user, ip, 20+n)
		},
		came: func(at time.Time, n int, user, ip string) string {
			return fmt.Sprintf("%s,db1,%s,%s,%d,0,CONNECT,shop,,0\n", at.Format("20060102 15:04:05"), user, ip, 20+n)
		}},
	"SQL Server": {format: "mssql.errorlog",
		failed: func(at time.Time, _ int, user, ip string) string {
			return fmt.Sprintf("%[1]s Logon       Error: 18456, Severity: 14, State: 8.\n%[1]s Logon       Login failed for user '%[2]s'. Reason: Password did not match that for the login provided. [CLIENT: %[3]s]\n", at.Format("2006-01-02 15:04:05.00"), user, ip)
		},
		came: func(at time.Time, _ int, user, ip string) string {
			return fmt.Sprintf("%s Logon       Login succeeded for user '%s'. Connection made using SQL Server authentication. [CLIENT: %s]\n", at.Format("2006-01-02 15:04:05.00"), user, ip)
		}},
	"Oracle's audit trail": {format: "syslog.rfc3164",
		failed: func(at time.Time, n int, user, ip string) string { return oracleLogon(at, n, user, ip, 1017) },
		came:   func(at time.Time, n int, user, ip string) string { return oracleLogon(at, n, user, ip, 0) }},
	"SQL Server's audit": {format: "mssql.audit-text",
		failed: func(at time.Time, n int, user, ip string) string { return mssqlAudit(at, n, "LGIF", user, ip) },
		came:   func(at time.Time, n int, user, ip string) string { return mssqlAudit(at, n, "LGIS", user, ip) }},
	"SQL Server's audit, in Windows' log": {format: "windows.events",
		failed: func(at time.Time, n int, user, ip string) string { return windowsAudit(at, n, "LGIF", user, ip) },
		came:   func(at time.Time, n int, user, ip string) string { return windowsAudit(at, n, "LGIS", user, ip) }},
	"MySQL Enterprise's audit log": {format: "mysql.audit-enterprise",
		failed: func(at time.Time, n int, user, ip string) string { return mysqlAudit(at, n, user, ip, 1045) },
		came:   func(at time.Time, n int, user, ip string) string { return mysqlAudit(at, n, user, ip, 0) }},
	"MySQL's audit log as XML": {format: "mysql.audit-xml",
		failed: func(at time.Time, n int, user, ip string) string { return mysqlAuditXML(at, n, user, ip, 1045) },
		came:   func(at time.Time, n int, user, ip string) string { return mysqlAuditXML(at, n, user, ip, 0) }},
	"Percona's audit log as JSON": {format: "mysql.audit-json",
		failed: func(at time.Time, n int, user, ip string) string { return perconaAudit(at, n, user, ip, 1045) },
		came:   func(at time.Time, n int, user, ip string) string { return perconaAudit(at, n, user, ip, 0) }},
	"Percona's audit log as CSV": {format: "mysql.audit-csv",
		failed: func(at time.Time, n int, user, ip string) string { return perconaAuditCSV(at, n, user, ip, 1045) },
		came:   func(at time.Time, n int, user, ip string) string { return perconaAuditCSV(at, n, user, ip, 0) }},
	"Oracle's audit files": {format: "oracle.audit-file",
		failed: func(at time.Time, n int, user, ip string) string { return oracleFile(at, n, user, ip, 1017) },
		came:   func(at time.Time, n int, user, ip string) string { return oracleFile(at, n, user, ip, 0) }},
	"MongoDB": {format: "mongodb",
		failed: func(at time.Time, n int, user, ip string) string {
			return fmt.Sprintf(`{"t":{"$date":%q},"s":"I",  "c":"ACCESS",   "id":20249,   "ctx":"conn%d","msg":"Authentication failed","attr":{"mechanism":"SCRAM-SHA-256","speculative":false,"principalName":%q,"authenticationDatabase":"admin","remote":"%s:4071","extraInfo":{},"error":"AuthenticationFailed: SCRAM authentication failed, storedKey mismatch"}}`+"\n",
				at.Format("2006-01-02T15:04:05.000-07:00"), n, user, ip)
		},
		came: func(at time.Time, n int, user, ip string) string {
			return fmt.Sprintf(`{"t":{"$date":%q},"s":"I",  "c":"ACCESS",   "id":20250,   "ctx":"conn%d","msg":"Authentication succeeded","attr":{"mechanism":"SCRAM-SHA-256","speculative":false,"principalName":%q,"authenticationDatabase":"admin","remote":"%s:4071","extraInfo":{}}}`+"\n",
				at.Format("2006-01-02T15:04:05.000-07:00"), n, user, ip)
		}},
	"MongoDB's audit log": {format: "mongodb.audit",
		failed: func(at time.Time, _ int, user, ip string) string { return mongoLogin(at, user, ip, 18) },
		came:   func(at time.Time, _ int, user, ip string) string { return mongoLogin(at, user, ip, 0) }},
	"Windows": {format: "windows.events",
		failed: func(at time.Time, _ int, user, ip string) string {
			return fmt.Sprintf(`{"EventTime":%q,"Hostname":"srv1","EventID":4625,"TargetUserName":%q,"IpAddress":%q,"Message":"An account failed to log on."}`+"\n", at.Format(time.DateTime), user, ip)
		},
		came: func(at time.Time, _ int, user, ip string) string {
			return fmt.Sprintf(`{"EventTime":%q,"Hostname":"srv1","EventID":4624,"TargetUserName":%q,"IpAddress":%q,"Message":"An account was successfully logged on."}`+"\n", at.Format(time.DateTime), user, ip)
		}},
}

func mongoLogin(at time.Time, user, ip string, result int) string {
	return fmt.Sprintf(`{ "atype": "authenticate", "ts": { "$date": %q }, "local": { "ip": "10.0.0.1", "port": 27017 }, "remote": { "ip": %q, "port": 40132 }, "users": [ ], "roles": [ ], "param": { "user": %q, "db": "admin", "mechanism": "SCRAM-SHA-256" }, "result": %d }`+"\n",
		at.Format("2006-01-02T15:04:05.000-07:00"), ip, user, result)
}

func oracleLogon(at time.Time, n int, user, ip string, code int) string {
	return fmt.Sprintf("%s db1 Oracle Audit[%d]: %s", syslogStamp(at), 7000+n, oracleRecord(n, user, ip, code))
}

func oracleFile(at time.Time, n int, user, ip string, code int) string {
	return at.Format("Mon Jan _2 15:04:05 2006 -07:00") + "\n" + oracleRecord(n, user, ip, code) + "\n"
}

func oracleRecord(n int, user, ip string, code int) string {
	text := func(s string) string { return fmt.Sprintf("[%d] %q", len(s), s) }
	return fmt.Sprintf("LENGTH: \"212\" SESSIONID:%s ENTRYID:[1] \"1\" STATEMENT:[1] \"1\" USERID:%s USERHOST:[4] \"app1\" TERMINAL:[5] \"pts/0\" ACTION:[3] \"100\" RETURNCODE:%s COMMENT$TEXT:%s OS$USERID:[6] \"oracle\" DBID:[10] \"1600000000\"\n",
		text(fmt.Sprint(100+n)), text(strings.ToUpper(user)), text(fmt.Sprint(code)),
		text("Authenticated by: DATABASE; Client address: (ADDRESS=(PROTOCOL=tcp)(HOST="+ip+")(PORT=3366))"))
}

func mssqlAudit(at time.Time, n int, action, user, ip string) string {
	statement := "-- network protocol: TCP/IP"
	if action == "LGIF" {
		statement = fmt.Sprintf("Login failed for user '%s'. Reason: Password did not match that for the login provided. [CLIENT: %s]", user, ip)
	}
	return fmt.Sprintf("Audit event: audit_schema_version:1\nevent_time:%s\nsequence_number:1\naction_id:%s\nsucceeded:%t\nsession_id:%d\nclass_type:LX\nclient_ip:%s\nsession_server_principal_name:%[6]s\nserver_principal_name:%[6]s\nserver_principal_sid:\ndatabase_principal_name:\ntarget_server_principal_name:\ntarget_server_principal_sid:\ntarget_database_principal_name:\nserver_instance_name:DB1\ndatabase_name:master\nschema_name:\nobject_name:\nstatement:%[7]s\nadditional_information:\nuser_defined_information:\n",
		at.Format("2006-01-02 15:04:05.0000000"), action, action == "LGIS", 50+n, ip, user, statement)
}

func windowsAudit(at time.Time, n int, action, user, ip string) string {
	return fmt.Sprintf(`{"EventTime":%q,"Hostname":"db1","EventID":33205,"SourceName":"MSSQLSERVER","Channel":"Application","Message":%q}`+"\n", at.Format(time.DateTime), strings.ReplaceAll(mssqlAudit(at, n, action, user, ip), "\n", "\r\n"))
}

func mysqlAudit(at time.Time, n int, user, ip string, status int) string {
	return fmt.Sprintf(`{ "timestamp": %q, "id": 0, "class": "connection", "event": "connect", "connection_id": %d, "account": { "user": %[3]q, "host": "" }, "login": { "user": %[3]q, "os": "", "ip": %[4]q, "proxy": "" }, "connection_data": { "connection_type": "ssl", "status": %[5]d, "db": "" } },`+"\n",
		at.Format(time.DateTime), 20+n, user, ip, status)
}

func mysqlAuditXML(at time.Time, n int, user, ip string, status int) string {
	return fmt.Sprintf(" <AUDIT_RECORD>\n  <TIMESTAMP>%s UTC</TIMESTAMP>\n  <RECORD_ID>%d_2026</RECORD_ID>\n  <NAME>Connect</NAME>\n  <CONNECTION_ID>%[2]d</CONNECTION_ID>\n  <STATUS>%d</STATUS>\n  <STATUS_CODE>0</STATUS_CODE>\n  <USER>%s</USER>\n  <OS_LOGIN/>\n  <HOST/>\n  <IP>%s</IP>\n  <COMMAND_CLASS>connect</COMMAND_CLASS>\n  <DB/>\n </AUDIT_RECORD>\n",
		at.Format("2006-01-02T15:04:05"), 20+n, status, user, ip)
}

func perconaAudit(at time.Time, n int, user, ip string, status int) string {
	return fmt.Sprintf(`{"audit_record":{"name":"Connect","record":"%d_2026","timestamp":"%s UTC","connection_id":"%[1]d","status":%[3]d,"user":%[4]q,"priv_user":"","os_login":"","proxy_user":"","host":"","ip":%[5]q,"db":""}}`+"\n",
		20+n, at.Format("2006-01-02T15:04:05"), status, user, ip)
}

func perconaAuditCSV(at time.Time, n int, user, ip string, status int) string {
	return fmt.Sprintf(`"Connect","%d_2026","%s UTC","%[1]d",%[3]d,%[4]q,"","","","",%[5]q,""`+"\n", 20+n, at.Format("2006-01-02T15:04:05"), status, user, ip)
}

// Every source of logins that is read makes the same findings: brute force, spraying, and a login after failures.
func TestEverySourceOfLoginsMakesTheSameFindings(t *testing.T) {
	t.Parallel()
	base := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	const ip = "192.0.2.7"
	for name, s := range sources {
		story := func(came bool, users ...string) map[string]int64 {
			var b strings.Builder
			for i, user := range users {
				b.WriteString(s.failed(base.Add(time.Duration(i)*10*time.Second), i, user, ip))
			}
			if came {
				b.WriteString(s.came(base.Add(3*time.Minute), 50, users[0], ip))
			}
			return tallied(t, said{s.format, b.String()})
		}
		five := []string{"bob", "bob", "bob", "bob", "bob"}
		ten := []string{"ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal", "ina", "jim"}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, tc := range []struct {
				name, rule string
				got        map[string]int64
				want       int64
			}{
				{"five failures", "auth.bruteforce", story(false, five...), 1},
				{"four failures", "auth.bruteforce", story(false, five[:4]...), 0},
				{"ten users", "auth.spraying", story(false, ten...), 1},
				{"nine users", "auth.spraying", story(false, append(ten[:9:9], "ann")...), 0},
			} {
				if n := tc.got[tc.rule+" "+ip]; n != tc.want {
					t.Errorf("%s: %s is counted %d times, want %d: %v", tc.name, tc.rule, n, tc.want, tc.got)
				}
			}
			if s.came == nil {
				return
			}
			if got := story(true, five...); got["auth.login-after-failures "+ip] != 1 {
				t.Errorf("a login after five failures: %v", got)
			}
			if got := story(true, five[:4]...); got["auth.login-after-failures "+ip] != 0 {
				t.Errorf("a login after four failures: %v", got)
			}
		})
	}
}
