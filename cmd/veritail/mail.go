package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/mail"
	"github.com/saypro/veritail/storage/state"
)

// newSender returns what sends mail by the site's server, nil where the configuration names none.
func newSender(cfg *configs.Daemon, db *state.DB) (*mail.Sender, error) {
	if !cfg.Mail.Enabled() {
		return nil, nil
	}
	c := mail.Config{Mail: cfg.Mail, Host: cfg.Host}
	var err error
	if c.TLSRoots, err = clientTLS(cfg.Mail.CA); err != nil {
		return nil, fmt.Errorf("send mail: %w", err)
	}
	if cfg.Mail.PasswordFile != "" {
		b, err := os.ReadFile(cfg.Mail.PasswordFile)
		if err != nil {
			return nil, userErrorf("read mail.password_file: %w", err)
		}
		first, _, _ := strings.Cut(string(b), "\n")
		if c.Password = strings.TrimSuffix(first, "\r"); c.Password == "" {
			return nil, userErrorf("mail.password_file %s has no password in its first line", cfg.Mail.PasswordFile)
		}
	}
	return mail.New(c, db)
}

// sendMail sends what is in the mail queue until ctx ends.
func (d *daemon) sendMail(ctx context.Context) error {
	if d.mail != nil {
		d.mail.Run(ctx)
	}
	return nil
}

func mailCommand() *cobra.Command {
	var f recordsFlags
	var limit int
	c := &cobra.Command{
		Use:   "mail",
		Short: "Show the mail queue: what was sent, what waits, and why",
		Long: `Mail shows what the daemon sends by the site's mail server ([mail] in the
configuration), such as scheduled reports. What the server does not take is tried
again, ever more slowly, for three days; what it refuses for good is given up.

Exit status: 0, or 1 if a mail waits after a failed try.`,
		Example: `  veritail mail
  veritail mail test ann@example.org
  veritail mail -json | jq -r '.[] | select(.problem).problem'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > 10000 {
				return userErrorf("-limit wants 1 to 10000, not %d", limit)
			}
			waits := false
			err := inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				list, err := db.Deliveries(cmd.Context(), limit)
				if err != nil {
					return err
				}
				for i := range list {
					waits = waits || !list[i].Due.IsZero() && list[i].Problem != ""
				}
				if list == nil {
					list = []state.Delivery{}
				}
				return f.show(cmd.OutOrStdout(), list, func(w *sink, p colours) { printMail(w, p, list, time.Now()) })
			})
			if err == nil && waits {
				return errQuiet
			}
			return err
		},
	}
	f.add(c, false)
	c.Flags().IntVar(&limit, "limit", 30, "at most this many `mails`")
	c.AddCommand(mailTestCommand())
	return c
}

func mailTestCommand() *cobra.Command {
	var configFile string
	c := &cobra.Command{
		Use:   "test ADDRESS",
		Short: "Send a mail now, to see whether the settings are right",
		Long: `Test sends a mail to ADDRESS without the queue, and says what the server answers.

Exit status: 0 if the server took it, else 1.`,
		Example: `  veritail mail test ann@example.org -config veritail.toml`,
		Args:    wants(1, 1, "one ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := configs.LoadDaemon(configFile)
			if err != nil {
				return err
			}
			s, err := newSender(cfg, nil)
			if err != nil {
				return err
			}
			if s == nil {
				return userErrorf("the configuration names no mail server: [mail] server = \"mail.example.org\", from = \"…\"")
			}
			m := state.Mail{About: "test", To: args, Subject: "Veritail on " + cfg.Host + " can send mail", Queued: time.Now(),
				Text: "This is a test of " + person() + " on " + cfg.Host + ".\n"}
			if err := s.Send(cmd.Context(), m); err != nil {
				return userError{err}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s took a mail to %s.\n", cfg.Mail.Server, printable(args[0]))
			return nil
		},
	}
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	return c
}

func printMail(w *sink, p colours, list []state.Delivery, now time.Time) {
	if len(list) == 0 {
		w.f("No mail was sent or waits.\n")
		return
	}
	for i := range list {
		v := &list[i]
		stand := p.green("✓ sent " + v.Sent.Format("2006-01-02 15:04"))
		switch {
		case !v.GaveUp.IsZero():
			stand = p.red("✕ given up, tried " + count(v.Tries, "time"))
		case v.Sent.IsZero() && v.Problem == "":
			stand = "○ is sent next"
		case v.Sent.IsZero():
			stand = p.yellow("▲ tried " + count(v.Tries, "time") + ", again in " + span(max(v.Due.Sub(now), 0)))
		}
		w.f("%s  %s  %s\n", pad(printable(v.To), 28), stand, printable(v.Subject))
		if v.Problem != "" {
			w.f("    %s\n", printable(v.Problem))
		}
	}
}
