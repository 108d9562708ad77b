package parsers_test

import (
	"strings"
	"testing"
)

// inSyslog returns a line of a program.
func inSyslog(program, message string) string {
	return "Nov 24 10:00:00 h " + program + ": " + message + "\n"
}

// The words of programs that were not run for the samples, as their sources or the reports of others have them.
func TestTextsOfSystemPrograms(t *testing.T) {
	for _, tc := range []struct {
		program, message string
		want             []string
	}{
		// OpenSSH
		{"sshd-session[7]", "Failed password for root from 192.0.2.1 port 56502 ssh2", []string{`"ssh_failed"`, `"source.ip":"192.0.2.1"`}},
		{"sshd[7]", "drop connection #0 from [192.0.2.1]:5022 on [10.0.0.1]:22 penalty: failed authentication", []string{`"ssh_dropped"`, `"source.ip":"192.0.2.1"`, `penalty`}},
		{"sshd[7]", "srclimit_penalise: ipv4: new 192.0.2.1/32 deferred penalty of 5 seconds for penalty: failed authentication", []string{`"ssh_penalty"`, `"source.ip":"192.0.2.1"`}},
		{"sshd[7]", "Timeout before authentication for connection from 192.0.2.1 to 10.0.0.1, pid = 123", []string{`"ssh_timeout"`, `"source.ip":"192.0.2.1"`}},
		{"sshd[7]", "Received disconnect from 10.0.2.2: 11: disconnected by user", []string{`"ssh_disconnect"`, `"source.ip":"10.0.2.2"`, `"event.code":"11"`}},
		{"sshd[7]", "error: Received disconnect from 192.0.2.1 port 5: 3: com.jcraft.jsch.JSchException: Auth fail [preauth]", []string{`"source.ip":"192.0.2.1"`, `"event.reason":"com.jcraft.jsch.JSchException: Auth fail"`}},
		{"sshd[7]", "reverse mapping checking getaddrinfo for x.example.com [192.0.2.1] failed - POSSIBLE BREAK-IN ATTEMPT!", []string{`"ssh_name_mismatch"`, `"source.ip":"192.0.2.1"`}},
		{"sshd[7]", "Authentication tried for root with correct key but not from a permitted host (host=x.example.com, ip=192.0.2.1, required=10.0.0.0/8)", []string{`"ssh_not_allowed"`, `"user.name":"root"`, `"source.ip":"192.0.2.1"`}},
		{"sshd[7]", "Bad protocol version identification 'GET / HTTP/1.1' from 192.0.2.1 port 5", []string{`"ssh_banner_failed"`, `"source.ip":"192.0.2.1"`}},
		{"sshd[7]", "User bob from 192.0.2.1 not allowed because none of user's groups are listed in AllowGroups", []string{`"ssh_not_allowed"`, `"user.name":"bob"`}},
		{"sshd[7]", "fatal: userauth_pubkey: Connection from 192.0.2.1 port 5: incomplete message [preauth]", []string{`"ssh_protocol_error"`, `"source.ip":"192.0.2.1"`}},
		{"sshd[7]", "[ID 800047 auth.info] Failed keyboard-interactive for <invalid username> from 192.0.2.1 port 42742 ssh2", []string{`"ssh_failed"`, `"source.ip":"192.0.2.1"`, `"log.syslog.facility.name":"auth"`}},
		{"sshd[7]", "Failed password for invalid user ROOT from 2001:db8::1:1", []string{`"ssh_failed"`, `"user.name":"ROOT"`, `"source.ip":"2001:db8::1:1"`}},
		{"sshd[7]", "error: PAM: User not known to the underlying authentication module for illegal user bob from 192.0.2.1", []string{`"ssh_pam_failure"`, `"user.name":"bob"`, `"source.ip":"192.0.2.1"`}},
		{"sshd[7]", "Disconnecting: Too many authentication failures [preauth]", []string{`"ssh_too_many_attempts"`}},
		{"sshd[7]", "fatal: Unable to negotiate a key exchange method [preauth]", []string{`"ssh_negotiation_failed"`}},
		// PAM
		{"vsftpd", "(pam_unix) authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=client.example.com  user=bob", []string{`"pam_failure"`, `"user.name":"bob"`, `"source.address":"client.example.com"`}},
		{"daemon", "pam_unix(auth): authentication failure; logname= uid=0 euid=0 tty=xxx ruser=x rhost=10.66.66.66 rhost=192.0.2.1", []string{`"pam_failure"`, `"source.ip":"192.0.2.1"`}},
		{"daemon", "pam_unix(auth): authentication failure; logname= uid=0 euid=0 tty=xxx ruser= rhost=192.0.2.2 user=x rhost=10.66.66.66", []string{`"pam_failure"`, `"source.ip":"192.0.2.2"`}},
		{"sudo", "pam_tally2(sudo:auth): user zbadguy (4001) tally 6, deny 5", []string{`"pam_account_locked"`, `"user.name":"zbadguy"`, `"user.id":"4001"`, `"pam.tally":6`}},
		{"sshd[7]", "pam_faillock(sshd:auth): Consecutive login failures for user alice account temporarily locked", []string{`"pam_account_locked"`, `"user.name":"alice"`}},
		{"sshd[7]", "pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1 user=alice", []string{`"pam_failure"`, `"user.name":"alice"`, `"source.ip":"192.0.2.1"`, `"pam.module":"pam_sss"`}},
		{"sshd[7]", "pam_sss(sshd:auth): received for user alice: 7 (Authentication failure)", []string{`"pam_failure"`, `"user.name":"alice"`, `"event.reason":"Authentication failure"`}},
		{"vsftpd[7]", "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=alice rhost=192.0.2.1", []string{`"pam_failure"`, `"user.name":"alice"`, `"pam.ruser":"alice"`, `"source.ip":"192.0.2.1"`}},
		{"sshd[7]", "Bad packet length 1349676916. [preauth]", []string{`"ssh_protocol_error"`}},
		{"sshd[7]", "scanned from 192.0.2.1 with SSH-1.0-SSHersion. (probable attack)", []string{`"ssh_banner_failed"`, `"source.ip":"192.0.2.1"`}},
		{"sshd[7]", "Login restricted for alice: Your account has expired", []string{`"ssh_account_refused"`, `"user.name":"alice"`}},
		{"sshd[7]", "pam_ldap(sshd:auth): Authentication failure; user=alice", []string{`"pam_failure"`, `"user.name":"alice"`}},
		{"sshd[7]", "pam_winbind(sshd:auth): user 'alice' denied access (incorrect password or invalid membership)", []string{`"pam_failure"`, `"user.name":"alice"`}},
		{"sshd[7]", "pam_access(sshd:account): access denied for user `bob' from `192.0.2.1'", []string{`"pam_access_denied"`, `"user.name":"bob"`, `"source.ip":"192.0.2.1"`}},
		{"sshd(pam_google_authenticator)[7]", "Invalid verification code for alice", []string{`"pam_failure"`, `"user.name":"alice"`, `"pam.module":"pam_google_authenticator"`, `"process.name":"sshd"`}},
		{"vsftpd(pam_unix)[25073]", "check pass; user unknown", []string{`"pam_unknown_user"`, `"process.name":"vsftpd"`, `"process.pid":25073`}},
		{"sshd(pam_unix)[19939]", "authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=218.188.2.4 ", []string{`"pam_failure"`, `"source.ip":"218.188.2.4"`}},
		// login, su, pkexec
		{"login[9]", "FAILED LOGIN (1) on '/dev/tty1' FOR 'bob', Authentication failure", []string{`"login_failed"`, `"user.name":"bob"`, `"login.tty":"/dev/tty1"`}},
		{"login[9]", "FAILED LOGIN 2 FROM 192.0.2.1 FOR bob, Authentication failure", []string{`"login_failed"`, `"user.name":"bob"`, `"source.ip":"192.0.2.1"`}},
		{"login[9]", "ROOT LOGIN  on '/dev/tty1'", []string{`"event.action":"login"`, `"user.name":"root"`}},
		{"login[9]", "LOGIN ON tty1 BY alice FROM console.example.com", []string{`"event.action":"login"`, `"user.name":"alice"`, `"source.address":"console.example.com"`}},
		{"su[234]", "BAD SU ger to fwmaster on /dev/ttyp0", []string{`"su_failed"`, `"user.name":"ger"`, `"user.target.name":"fwmaster"`}},
		{"su", "'su root' failed for alice on /dev/pts/1", []string{`"su_failed"`, `"user.name":"alice"`, `"user.target.name":"root"`}},
		{"pkexec[9]", "alice: Executing command [USER=root] [TTY=/dev/pts/0] [CWD=/home/alice] [COMMAND=/bin/sh]", []string{`"pkexec_command"`, `"user.name":"alice"`, `"process.command_line":"/bin/sh"`}},
		{"systemd-sysusers[9]", "Creating user 'redis' (n/a) with UID 993 and GID 993.", []string{`"user_created"`, `"user.name":"redis"`}},
		// cronie, anacron
		{"CROND[12]", "(root) CMD (run-parts /etc/cron.hourly)", []string{`"cron_job"`, `"user.name":"root"`, `"process.command_line":"run-parts /etc/cron.hourly"`}},
		{"anacron[12]", "Job `cron.daily' terminated (exit status: 1) (mailing output)", []string{`"cron_job_failed"`, `"process.exit_code":1`}},
		{"run-parts(/etc/cron.hourly)[16174]", "starting 0anacron", []string{`"cron_job"`, `"cron.job":"0anacron"`}},
		{"crontab[12]", "(alice) REPLACE (alice)", []string{`"crontab_changed"`, `"user.name":"alice"`}},
		{"crontab[12]", "(alice) AUTH (crontab command not allowed)", []string{`"cron_refused"`, `"user.name":"alice"`}},
		// systemd
		{"systemd[1]", "nginx.service: Main process exited, code=exited, status=1/FAILURE", []string{`"unit_process_exited"`, `"systemd.unit":"nginx.service"`, `"process.exit_code":1`}},
		{"systemd[1]", "nginx.service: Failed with result 'exit-code'.", []string{`"unit_result"`, `"event.outcome":"failure"`, `"event.reason":"exit-code"`}},
		{"systemd[1]", "Failed to start nginx.service - A high performance web server and a reverse proxy server.", []string{`"unit_failed"`, `"systemd.unit":"nginx.service"`}},
		{"systemd[1]", "Failed to start Apache HTTP Server.", []string{`"unit_failed"`, `"systemd.description":"Apache HTTP Server"`}},
		{"systemd[1]", "mysql.service: A process of this unit has been killed by the OOM killer.", []string{`"oom_kill"`, `"systemd.unit":"mysql.service"`}},
		{"systemd[1]", "mysql.service: Watchdog timeout (limit 3min)!", []string{`"unit_watchdog"`, `"systemd.limit":"3min"`}},
		{"systemd[1]", "mysql.service: Start request repeated too quickly.", []string{`"unit_restart_limit"`}},
		{"systemd[1]", "mysql.service: Scheduled restart job, restart counter is at 5.", []string{`"unit_restart"`, `"systemd.restarts":5`}},
		{"systemd-logind[3]", "New session 3 of user alice.", []string{`"session_opened"`, `"session.id":"3"`, `"user.name":"alice"`}},
		{"systemd-coredump[3]", "Process 4711 (shop) of user 1000 dumped core.#012#012Stack trace of thread 4711:", []string{`"core_dumped"`, `"process.pid":4711`, `"user.id":"1000"`}},
		{"systemd-journald[3]", "Suppressed 12 messages from shop.service", []string{`"log_suppressed"`, `"journal.suppressed":12`}},
		// kernel
		{"kernel", "[ 12.5] Out of memory: Killed process 1234 (mysqld) total-vm:2000kB, anon-rss:1000kB, file-rss:0kB, shmem-rss:0kB, UID:112 pgtables:1kB oom_score_adj:0", []string{`"oom_kill"`, `"process.pid":1234`, `"kernel.command":"mysqld"`}},
		{"kernel", "Out of memory: Kill process 1234 (java) score 900 or sacrifice child", []string{`"oom_kill"`, `"process.pid":1234`}},
		{"kernel", "shop[99]: segfault at 0 ip 00007f12 sp 00007ffd error 4 in libc-2.31.so[7f00+1000]", []string{`"segfault"`, `"process.pid":99`, `"kernel.command":"shop"`}},
		{"kernel", "blk_update_request: I/O error, dev sda, sector 1234 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0", []string{`"disk_error"`, `"kernel.device":"sda"`, `"kernel.sector":1234`}},
		{"kernel", "Buffer I/O error on dev sda1, logical block 5, lost async page write", []string{`"disk_error"`, `"kernel.device":"sda1"`}},
		{"kernel", "critical medium error, dev sdb, sector 99 op 0x0:(READ) flags 0x0", []string{`"disk_error"`, `"event.reason":"critical medium error"`, `"kernel.device":"sdb"`}},
		{"kernel", "ata1.00: failed command: READ FPDMA QUEUED", []string{`"disk_fault"`, `"kernel.device":"ata1.00"`}},
		{"kernel", "sd 0:0:0:0: [sda] tag#5 FAILED Result: hostbyte=DID_OK driverbyte=DRIVER_SENSE", []string{`"disk_fault"`, `"kernel.device":"sda"`}},
		{"kernel", "md/raid1:md0: Disk failure on sdb1, disabling device.", []string{`"raid_disk_failed"`, `"kernel.array":"md0"`, `"kernel.device":"sdb1"`}},
		{"kernel", "md/raid1:md0: Operation continuing on 1 devices.", []string{`"raid_degraded"`, `"kernel.disks":1`}},
		{"kernel", "EDAC MC0: 1 CE memory read error on CPU_SrcID#0_Ha#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x1 offset:0x0 grain:32 syndrome:0x0)", []string{`"memory_error"`, `"kernel.kind":"CE"`, `"kernel.errors":1`}},
		{"kernel", "mce: [Hardware Error]: Machine check events logged", []string{`"hardware_error"`}},
		{"kernel", "EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2: comm ls: reading directory lblock 0", []string{`"filesystem_error"`, `"kernel.filesystem":"EXT4-fs"`, `"kernel.device":"sda1"`}},
		{"kernel", "EXT4-fs (sda1): Remounting filesystem read-only", []string{`"filesystem_read_only"`, `"kernel.device":"sda1"`}},
		{"kernel", "XFS (dm-0): Corruption of in-memory data (0x8) detected at xfs_defer_finish+0x1/0x2 [xfs].  Shutting down filesystem.", []string{`"filesystem_error"`, `"kernel.device":"dm-0"`}},
		{"kernel", "BTRFS error (device sda1): bdev /dev/sda1 errs: wr 0, rd 1, flush 0, corrupt 0, gen 0", []string{`"filesystem_error"`, `"kernel.filesystem":"BTRFS"`}},
		{"kernel", "e1000e 0000:00:19.0 eth0: NIC Link is Down", []string{`"link_down"`, `"observer.ingress.interface.name":"eth0"`}},
		{"kernel", "e1000e: eth0 NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx", []string{`"link_up"`, `"observer.ingress.interface.name":"eth0"`}},
		{"kernel", "device eth0 entered promiscuous mode", []string{`"promiscuous_mode"`, `"observer.ingress.interface.name":"eth0"`}},
		{"kernel", "nf_conntrack: nf_conntrack: table full, dropping packet", []string{`"conntrack_full"`}},
		{"kernel", "TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.  Check SNMP counters.", []string{`"syn_flood"`, `"destination.port":80`}},
		{"kernel", "audit: audit_backlog=4097 > audit_backlog_limit=4096", []string{`"audit_lost"`, `"event.outcome":"failure"`}},
		{"kernel", "audit: audit_lost=494217 audit_rate_limit=0 audit_backlog_limit=4096", []string{`"audit_lost"`, `"audit.lost":494217`}},
		{"kernel", "[5.1] audit: type=1400 audit(1524662933.080:61207): apparmor=\"DENIED\" operation=\"open\" profile=\"p\" name=\"/etc/shadow\" pid=5571 comm=\"x\"", []string{`"event.action":"avc"`, `"event.outcome":"failure"`, `"file.path":"/etc/shadow"`, `"process.pid":5571`}},
		{"kernel", "INFO: task jbd2/sda1-8:123 blocked for more than 120 seconds.", []string{`"task_hung"`, `"process.pid":123`}},
		{"kernel", "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:2:123]", []string{`"cpu_lockup"`, `"process.pid":123`}},
		{"kernel", "usb 1-1: New USB device found, idVendor=0781, idProduct=5567, bcdDevice= 1.00", []string{`"usb_attached"`, `"kernel.usb.vendor":"0781"`}},
		{"kernel", "[UFW BLOCK] IN=eth0 OUT= MAC=00:08:a2:0c:1f:12:00:c8:8b:e2:d6:87:08:00 SRC=192.0.2.1 DST=10.0.0.1 LEN=40 TOS=0x00 PREC=0x00 TTL=245 ID=37308 PROTO=TCP SPT=8080 DPT=23 WINDOW=1024 RES=0x00 SYN URGP=0 ", []string{`"firewall_denied"`, `"source.ip":"192.0.2.1"`, `"destination.port":23`, `"network.transport":"tcp"`}},
		{"kernel", "[UFW ALLOW] IN=eth0 OUT= MAC= SRC=2001:db8::1 DST=2001:db8::2 LEN=80 TC=0 HOPLIMIT=64 FLOWLBL=1 PROTO=ICMPv6 TYPE=128 CODE=0 ID=1 SEQ=1", []string{`"firewall_allowed"`, `"source.ip":"2001:db8::1"`, `"icmp.type":128`, `"network.transport":"ipv6-icmp"`}},
		// hardware, network, log daemons
		{"smartd[8]", "Device: /dev/sda [SAT], 1 Currently unreadable (pending) sectors", []string{`"disk_sectors"`, `"smart.device":"/dev/sda"`, `"smart.sectors":1`}},
		{"smartd[8]", "Device: /dev/sda [SAT], FAILED SMART self-check. BACK UP DATA NOW!", []string{`"disk_failing"`, `"event.outcome":"failure"`}},
		{"smartd[8]", "Device: /dev/sda [SAT], SMART Usage Attribute: 194 Temperature_Celsius changed from 64 to 63", []string{`"disk_attribute"`, `"smart.attribute.name":"Temperature_Celsius"`}},
		{"mdadm[8]", "Fail event detected on md device /dev/md0, component device /dev/sdb1", []string{`"raid_disk_failed"`, `"kernel.array":"/dev/md0"`, `"kernel.device":"/dev/sdb1"`}},
		{"mdadm[8]", "DegradedArray event detected on md device /dev/md0", []string{`"raid_degraded"`}},
		{"chronyd[8]", "System clock was stepped by -3600.123456 seconds", []string{`"clock_changed"`, `"ntp.offset":-3600.123456`}},
		{"ntpd[8]", "synchronized to 10.0.0.1, stratum 2", []string{`"clock_synchronized"`, `"ntp.source":"10.0.0.1"`}},
		{"NetworkManager[8]", "<info>  [1700000000.1234] device (eth0): state change: activated -> unavailable (reason 'carrier-changed', sys-iface-state: 'managed')", []string{`"interface_state"`, `"event.reason":"carrier-changed"`}},
		{"rsyslogd", `[origin software="rsyslogd" swVersion="8.2302.0" x-pid="1" x-info="https://www.rsyslog.com"] exiting on signal 15.`, []string{`"log_service_stopped"`}},
		{"auditd[8]", "The audit daemon is exiting.", []string{`"log_service_stopped"`}},
		{"auditd[8]", "Audit daemon is low on disk space for logging", []string{`"log_problem"`}},
		{"audispd", `node=web1 type=USER_LOGIN msg=audit(1492896301.818:19955): pid=12635 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=28696E76616C6964207573657229 exe="/usr/sbin/sshd" hostname=? addr=179.38.151.221 terminal=sshd res=failed'`, []string{`"user_login"`, `"user.name":"(invalid user)"`, `"source.ip":"179.38.151.221"`, `"event.outcome":"failure"`}},
		// mail
		{"postfix/smtp[8]", "4F1A2B3C4D: to=<bob@example.org>, relay=mx.example.org[192.0.2.25]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=5.1.1, status=bounced (host mx.example.org[192.0.2.25] said: 550 5.1.1 unknown user (in reply to RCPT TO command))", []string{`"mail_bounced"`, `"email.to.address":"bob@example.org"`, `"event.duration":1200000000`, `"postfix.status_code":"5.1.1"`}},
		{"postfix/smtpd[8]", "4F1A2B3C4D: client=unknown[192.0.2.1], sasl_method=LOGIN, sasl_username=bob@example.org", []string{`"mail_login"`, `"event.outcome":"success"`, `"user.name":"bob@example.org"`, `"source.ip":"192.0.2.1"`}},
		{"postfix/postscreen[8]", "PREGREET 11 after 0.07 from [192.0.2.1]:54321: EHLO x\\r\\n", []string{`"mail_screened"`, `"source.ip":"192.0.2.1"`}},
		{"dovecot", "imap-login: Info: Login aborted: Connection closed (auth failed, 1 attempts in 2 secs) (auth_failed): user=<bob>, method=PLAIN, rip=192.0.2.1, lip=10.0.0.1, TLS, session=<x>", []string{`"mail_login"`, `"event.outcome":"failure"`, `"user.name":"bob"`, `"source.ip":"192.0.2.1"`}},
		{"postfix/submission/smtpd[8]", "warning: mail.example.com[192.0.2.1]: SASL PLAIN authentication failed:", []string{`"mail_login"`, `"event.outcome":"failure"`, `"source.ip":"192.0.2.1"`}},
		{"dovecot", "pop3-login: Aborted login (tried to use disabled plaintext auth): rip=192.0.2.1, lip=10.0.0.1", []string{`"mail_login"`, `"event.outcome":"failure"`, `"source.ip":"192.0.2.1"`}},
		{"dovecot", "imap-login: Disconnected (auth failed, 1 attempts): method=PLAIN, rip=192.0.2.1, lip=10.0.0.1, TLS: Disconnected", []string{`"mail_login"`, `"source.ip":"192.0.2.1"`}},
		{"dovecot", "auth: ldap(user@server.org,192.0.2.1,<LZmGp6mZaMrAqLIZ>): Password mismatch (for LDAP bind) (SHA1 of given password: f638ff)", []string{`"mail_auth_failed"`, `"user.name":"user@server.org"`, `"source.ip":"192.0.2.1"`}},
		{"ovpn-server[8]", "192.0.2.1:54321 VERIFY ERROR: depth=0, error=certificate revoked: CN=bob", []string{`"vpn_certificate_refused"`, `"source.ip":"192.0.2.1"`}},
		{"fail2ban-server[8]", "fail2ban.actions        [8]: NOTICE  [sshd] Ban 192.0.2.1", []string{`"source_banned"`, `"fail2ban.jail":"sshd"`, `"source.ip":"192.0.2.1"`}},
		{"dovecot", "auth(info@example.com,192.0.2.1,sasl:login)<CvN+E95Uf4e7eEnj>: sql: Password mismatch (given password: secret)", []string{`"mail_auth_failed"`, `"user.name":"info@example.com"`, `"source.ip":"192.0.2.1"`, `"event.reason":"Password mismatch"`}},
		{"dovecot", "auth(x,10.66.66.66,sasl:plain)<a>: unknown user,192.0.2.1,sasl:plain)<b>: passwd-file: unknown user", []string{`"source.ip":"192.0.2.1"`}},
		{"postfix/cleanup[8]", "0B27A60B2A: milter-reject: END-OF-MESSAGE from unknown[192.0.2.1]: 5.7.1 Command rejected; from=<a@example.com> to=<b@example.org> proto=ESMTP helo=<x>", []string{`"mail_rejected"`, `"source.ip":"192.0.2.1"`, `"postfix.status_code":"5.7.1"`, `"event.reason":"Command rejected"`, `"email.to.address":"b@example.org"`}},
		{"postfix/smtpd[8]", "NOQUEUE: lost connection after CONNECT from unknown[192.0.2.1]", []string{`"mail_connection_lost"`, `"source.ip":"192.0.2.1"`}},
		{"fail2ban.actions[8]", "NOTICE [sshd] Ban 192.0.2.1", []string{`"source_banned"`, `"fail2ban.jail":"sshd"`, `"source.ip":"192.0.2.1"`}},
		{"yum[8]", "Installed: httpd-2.4.6-93.el7.centos.x86_64", []string{`"package_installed"`, `"package.name":"httpd"`, `"package.version":"2.4.6-93.el7.centos"`}},
		// JSON and logfmt in syslog
		{"shop[8]", `{"level":"error","msg":"payment refused","user":"bob","client_ip":"192.0.2.1","amount":5}`, []string{`"message":"payment refused"`, `"log.level":"error"`, `"user.name":"bob"`, `"json.amount":5`, `"host.name":"h"`}},
		{"shop[8]", `time="2026-11-24T10:00:00Z" level=warning msg="payment refused" user=bob ip=192.0.2.1 amount=5`, []string{`"log.level":"warning"`, `"user.name":"bob"`, `"source.ip":"192.0.2.1"`, `"logfmt.amount":"5"`}},
	} {
		t.Run(tc.program+" "+tc.message[:min(40, len(tc.message))], func(t *testing.T) {
			got := events(t, "syslog.rfc3164", "x.log", inSyslog(tc.program, tc.message))
			if len(got) != 1 {
				t.Fatalf("%d events", len(got))
			}
			has(t, got[0], tc.want...)
		})
	}
}

func TestStampsAndHeadsOfSyslog(t *testing.T) {
	for _, tc := range []struct {
		name, format, line string
		want               []string
	}{
		{"a year behind the day", "syslog.rfc3164", "Nov 24 2025 10:00:00 fw1 : %ASA-6-605005: Login permitted from 10.0.0.1/1 to inside:10.0.0.2/ssh for user \"bob\"", []string{`"@timestamp":"2025-11-24T10:00:00`, `"host.name":"fw1"`, `"cisco.facility":"ASA"`, `"event.code":"605005"`, `"log.level":"info"`}},
		{"Cisco, as it was sent", "syslog.rfc3164", "<189>123: router1: *Nov 24 10:00:00.123 UTC: %SYS-5-CONFIG_I: Configured from console by admin on vty0 (10.0.0.1)", []string{`"@timestamp":"2026-11-24T10:00:00.123`, `"host.name":"router1"`, `"device_configured"`, `"user.name":"admin"`, `"source.ip":"10.0.0.1"`}},
		{"Cisco, relayed", "syslog.rfc3164", "Nov 24 10:00:00 10.1.1.1 45: Nov 24 09:59:59.123: %SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: bob] [Source: 192.0.2.1] [localport: 22] [Reason: Login Authentication Failed] at 09:59:59 UTC Tue Nov 24 2026", []string{`"host.name":"10.1.1.1"`, `"device_login"`, `"event.outcome":"failure"`, `"source.ip":"192.0.2.1"`, `"user.name":"bob"`}},
		{"BSD with facility and severity", "syslog.rfc3164", "Nov 24 10:00:00 <auth.info> bsd1 sshd[7]: Accepted publickey for bob from 192.0.2.1 port 5 ssh2", []string{`"log.syslog.facility.name":"auth"`, `"host.name":"bsd1"`, `"ssh_login"`}},
		{"RouterOS has topics", "syslog.rfc3164", "Nov 24 10:00:00 10.1.1.1 system,error,critical login failure for user admin from 192.0.2.1 via ssh", []string{`"routeros.topics":"system,error,critical"`, `"device_login"`, `"user.name":"admin"`, `"source.ip":"192.0.2.1"`}},
		{"login of RHEL 4", "syslog.rfc3164", "Nov 24 10:00:00 combo  -- root[29972]: ROOT LOGIN ON tty2", []string{`"process.name":"login"`, `"event.action":"login"`, `"user.name":"root"`}},
		{"no host", "syslog.rfc3164", "Nov 24 10:00:00 sshd[8148]: Connection closed by 192.0.2.1 [preauth]", []string{`"process.name":"sshd"`, `"ssh_closed"`, `"source.ip":"192.0.2.1"`}},
		{"no host, and a message with a colon", "syslog.rfc3164", "Nov 24 10:00:00 sshd[8148]: error: maximum authentication attempts exceeded for root from 192.0.2.1 port 5 ssh2 [preauth]", []string{`"process.name":"sshd"`, `"process.pid":8148`, `"ssh_too_many_attempts"`, `"source.ip":"192.0.2.1"`}},
		{"a priority", "syslog.rfc3164", "<38>Nov 24 10:00:00 h sshd[7]: x", []string{`"log.syslog.priority":38`, `"log.syslog.facility.name":"auth"`, `"log.syslog.severity.name":"informational"`}},
		{"the highest priority", "syslog.rfc5424", "<191>1 2026-11-24T10:00:00Z h app - - - x", []string{`"log.syslog.facility.name":"local7"`, `"log.syslog.severity.name":"debug"`}},
		{"a frame with its length", "syslog.rfc5424", "44 <13>1 2026-11-24T10:00:00Z h app 12 ID1 - hello", []string{`"message":"hello"`, `"process.pid":12`, `"log.syslog.msgid":"ID1"`}},
		{"brackets in structured data", "syslog.rfc5424", `<13>1 2026-11-24T10:00:00Z h app - - [a@1 b="c ] d" e="\"f\""][g@1 h="i"] [not data] hello`, []string{`"message":"[not data] hello"`, `b=\"c ] d\"`, `[g@1 h=\"i\"]`}},
		{"no message", "syslog.rfc5424", `<13>1 2026-11-24T10:00:00Z h app - - -`, []string{`"process.name":"app"`}},
		{"zone and year behind the clock, as RFC 3164 shows it", "syslog.rfc3164", "<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% It's time to make the do-nuts.", []string{`"@timestamp":"1987-08-24T11:34:00`, `"host.name":"mymachine"`, `"process.name":"myproc"`, `"process.pid":10`}},
		{"OpenWrt", "syslog.rfc3164", "Mon Jan  1 10:00:00 2024 authpriv.info sshd[123]: Accepted password for bob from 192.0.2.1 port 5 ssh2", []string{`"@timestamp":"2024-01-01T10:00:00`, `"log.syslog.facility.name":"authpriv"`, `"ssh_login"`, `"source.ip":"192.0.2.1"`}},
		{"a mark in front of the message, as RFC 5424 wants it", "syslog.rfc5424", "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed for lonvick on /dev/pts/8", []string{`"su_failed"`, `"user.name":"lonvick"`, `"log.syslog.msgid":"ID47"`}},
		{"RFC 5424 without a priority", "syslog.rfc5424", `2022-08-27T14:22:01.613Z space01 NSX 3106 - [abc@6876 comp="abc-edge" username="root"] keep-alive check`, []string{`"host.name":"space01"`, `"process.name":"NSX"`, `"process.pid":3106`, `"message":"keep-alive check"`}},
		{"macOS: a program of two words", "syslog.rfc3164", "Nov 24 10:00:00 mac Google Chrome He[123]: x", []string{`"process.name":"Google Chrome He"`, `"process.pid":123`}},
		{"macOS counts", "syslog.rfc3164", "Nov 24 10:00:00 --- last message repeated 3 times ---", []string{`"veritail.repeat":3`}},
		{"an offset without minutes", "syslog.iso", "Tue 2026-11-24 10:00:00 -03 h app[1]: x", []string{`"@timestamp":"2026-11-24T13:00:00`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := events(t, tc.format, "x.log", tc.line+"\n")
			if len(got) != 1 {
				t.Fatalf("%d events", len(got))
			}
			has(t, got[0], tc.want...)
		})
	}
}

// Whoever may choose a name, an address or an argument puts the words of the log around it into that.
func TestHostileTextsOfTheSystemForgeNothing(t *testing.T) {
	const real, forged = "192.0.2.7", "10.66.66.66"
	for _, tc := range []struct {
		name, program, message string
		want                   []string
	}{
		{"an illegal user", "sshd[1]", "error: PAM: Authentication failure for illegal user root from " + forged + " port 22 ssh2 from " + real, []string{`"source.ip":"` + real + `"`}},
		{"a postponed login", "sshd[1]", "Postponed keyboard-interactive for invalid user x from " + forged + " port 1 ssh2 from " + real + " port 2 ssh2 [preauth]", []string{`"source.ip":"` + real + `"`}},
		{"a certificate's name of itself", "sshd[1]", "Accepted publickey for bob from " + real + " port 5 ssh2: ED25519-CERT SHA256:q/7Yg ID x from " + forged + " port 22 ssh2: y (serial 0) CA RSA SHA256:l3rTx", []string{`"source.ip":"` + real + `"`, `"user.name":"bob"`}},
		{"a subsystem", "sshd[1]", "subsystem request for sftp by user root by user bob", []string{`"user.name":"bob"`}},
		{"identd's answer", "sshd[1]", "refused connect from x (" + forged + ")@h (" + real + ")", []string{`"source.ip":"` + real + `"`}},
		{"PAM: two hosts, and one of them is who asks", "vsftpd[1]", "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=x rhost=" + forged + "  user=root rhost=" + real + "  user=bob", []string{`"event.action":"pam_failure"`}},
		{"PAM: hosts on both sides", "vsftpd[1]", "pam_sss(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=x rhost=" + real + " user=x rhost=" + forged, []string{`"event.action":"pam_failure"`}},
		{"PAM: a user of ssh", "sshd[1]", "pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=" + real + " user=x rhost=" + forged + " user=root", []string{`"source.ip":"` + real + `"`}},
		{"a console login", "login[1]", "FAILED LOGIN (1) on '/dev/tty1' from '" + real + "' FOR 'x' from '" + forged + "' FOR 'root', Authentication failure", []string{`"source.ip":"` + real + `"`}},
		{"a Dovecot user", "dovecot", "imap-login: Disconnected: Aborted login by logging out (auth failed, 1 attempts in 10 secs): user=<x>, rip=" + forged + ", lip=10.0.0.1>, method=PLAIN, rip=" + real + ", lip=127.0.0.1, secured, session=<6/DqkyFhosV/AAAB>", []string{`"source.ip":"` + real + `"`, `"mail_login"`}},
		{"a SASL user", "postfix/smtpd[1]", "warning: unknown[" + real + "]: SASL LOGIN authentication failed: (reason unavailable), sasl_username=x]: SASL LOGIN authentication failed: , sasl_username=unknown[" + forged + "]", []string{`"source.ip":"` + real + `"`, `"user.name":"x]: SASL`}},
		{"a helo", "postfix/smtpd[1]", "NOQUEUE: reject: RCPT from unknown[" + real + "]: 504 5.5.2 <RCPT from x[" + forged + "]: 504>: Helo command rejected; from=<a@b> to=<c@d> proto=ESMTP helo=<RCPT from x[" + forged + "]: 504>", []string{`"source.ip":"` + real + `"`}},
		{"a cron command", "CRON[1]", "(bob) CMD (/bin/true) ; (root) CMD (/bin/sh))", []string{`"user.name":"bob"`}},
		{"a sudo command", "sudo", "     bob : PWD=/ ; USER=root ; COMMAND=/bin/echo root : 3 incorrect password attempts ; PWD=/ ; USER=root ; COMMAND=/bin/sh", []string{`"user.name":"bob"`, `"sudo_command"`}},
		{"a process called like an error", "kernel", "Out of memory: Killed process 5 (x) total-vm:1kB) total-vm:2kB, anon-rss:1kB", []string{`"process.pid":5`}},
		{"an audit user", "audispd", `type=USER_LOGIN msg=audit(1.000:1): pid=1 uid=0 msg='op=login acct="x addr=` + forged + ` res=success" exe="/usr/sbin/sshd" hostname=? addr=` + real + ` terminal=sshd res=failed'`, []string{`"source.ip":"` + real + `"`, `"event.outcome":"failure"`}},
		{"a RouterOS user", "x", "login failure for user a from " + forged + " via ssh from " + real + " via winbox", nil},
		{"a JSON message that names its host", "shop[1]", `{"msg":"x","host":{"name":"other"},"host.name":"other","process.name":"sshd","event.action":"ssh_failed","log.file.path":"/x"}`, []string{`"host.name":"h"`, `"process.name":"shop"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := events(t, "syslog.rfc3164", "x.log", inSyslog(tc.program, tc.message))
			if len(got) != 1 {
				t.Fatalf("%d events", len(got))
			}
			has(t, got[0], tc.want...)
			for _, not := range []string{`"source.ip":"` + forged + `"`, `"user.name":"root"`, `"event.action":"ssh_failed"`} {
				if strings.Contains(got[0], not) {
					t.Errorf("%s in %s", not, got[0])
				}
			}
		})
	}
}

// The words of one program from another are only words.
func TestWordsOfAnotherProgramAreNone(t *testing.T) {
	for _, message := range []string{
		"Out of memory: Killed process 1 (x) total-vm:1kB", "new user: name=eve, UID=0, GID=0, home=/, shell=/bin/sh", "(root) CMD (/bin/sh)",
		`type=USER_LOGIN msg=audit(1.000:1): pid=1 uid=0 msg='op=login acct="root" addr=10.66.66.66 res=failed'`,
		"imap-login: Login: user=<root>, method=PLAIN, rip=10.66.66.66, lip=127.0.0.1", "[sshd] Ban 10.66.66.66",
		"warning: unknown[10.66.66.66]: SASL LOGIN authentication failed: x", "New session 3 of user root.", "The audit daemon is exiting.",
	} {
		got := events(t, "syslog.rfc3164", "x.log", inSyslog("logger", message))
		if strings.Contains(got[0], `"event.action"`) || strings.Contains(got[0], `"source.ip"`) {
			t.Errorf("%s", got[0])
		}
	}
}
