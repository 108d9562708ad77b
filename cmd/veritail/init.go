package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/cmd/veritail/discover"
	"github.com/saypro/veritail/configs"
)

// initFlags are the flags of `veritail init`.
type initFlags struct {
	out, root, configDir  string
	force, dryRun, asJSON bool
}

func initCommand() *cobra.Command {
	var in initFlags
	c := &cobra.Command{
		Use:   "init",
		Short: "Find the logs of this machine and write a configuration",
		Long: `Init looks for logs where they usually are, in the settings of nginx, Apache,
PostgreSQL, MySQL and Redis, among the files that running programs write, and for
containers' logs and the systemd journal. It tells their formats from some of their
lines, guesses PostgreSQL's log_line_prefix, and writes a configuration that says of
each source why it is there. What the daemon follows without being told
(wellknown = true) is shown and not repeated.

What no format takes, and what may not be read, is told with the command that helps.
Only files and folders are read, nothing is changed but the configuration.

Exit status: 0, or 1 if there is a configuration already.`,
		Example: `  veritail init
  veritail init -dry-run
  sudo veritail init -o /etc/veritail/veritail.toml
  veritail init -root /host        # in a container, with the machine's file system there`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runInit(cmd, &in) },
	}
	c.Flags().StringVarP(&in.out, "out", "o", "veritail.toml", "`file` to write")
	c.Flags().BoolVar(&in.force, "force", false, "overwrite the file if it is there")
	c.Flags().BoolVar(&in.dryRun, "dry-run", false, "print the configuration, write nothing; what was found goes to standard error")
	c.Flags().BoolVar(&in.asJSON, "json", false, "print what was found as one JSON object")
	c.Flags().StringVar(&in.root, "root", "", "look at the file system mounted at this `directory` instead of this machine's")
	configsFlag(c, &in.configDir, "formats")
	if err := c.MarkFlagDirname("root"); err != nil {
		panic(err) // the flag was added above
	}
	return c
}

func runInit(cmd *cobra.Command, in *initFlags) error {
	if _, err := os.Lstat(in.out); err == nil && !in.force && !in.dryRun {
		return userErrorf("%s is there already and is not overwritten; give another -o, or -force", in.out)
	}
	found, err := in.look(cmd)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("ask for this machine's name: %w", err)
	}
	text := found.Config(host)
	if !in.dryRun {
		if err := writeConfig(in.out, text, in.force); err != nil {
			return err
		}
	}
	stdout := cmd.OutOrStdout()
	if in.asJSON {
		return encode(stdout, struct {
			*discover.Found
			Config  string `json:"config"`
			Written string `json:"written,omitempty"`
		}{found, text, in.written()})
	}
	if in.dryRun {
		if err := tellFound(cmd.ErrOrStderr(), found, in); err != nil {
			return err
		}
		_, err := io.WriteString(stdout, text)
		return err
	}
	return tellFound(stdout, found, in)
}

// look looks at the machine, and draws how far it has come.
func (in *initFlags) look(cmd *cobra.Command) (*discover.Found, error) {
	s, err := loadSetup(in.configDir)
	if err != nil {
		return nil, err
	}
	cfg := discover.Config{User: userName(), Formats: s.set, Limits: discover.Usual, Proc: "/proc"}
	if in.root != "" {
		if cfg.Root, err = filepath.Abs(in.root); err != nil {
			return nil, userError{err}
		}
		if st, err := os.Stat(cfg.Root); err != nil || !st.IsDir() {
			return nil, userErrorf("-root %s is no directory", in.root)
		}
		cfg.Proc = ""
		if cfg.Root == "/" {
			cfg.Root, cfg.Proc = "", "/proc"
		}
	}
	if cfg.WellKnown, err = configs.WellKnown(); err != nil {
		return nil, err
	}
	if cfg.Where, err = configs.LoadDiscovery(); err != nil {
		return nil, err
	}
	bar := newProgress(cmd.ErrOrStderr(), 0)
	bar.last = time.Now() // something is to be seen sooner than while reading
	defer bar.end()
	cfg.Progress = func(files int, at string) {
		if bar.due() {
			fmt.Fprintf(bar.w, "\r\033[KLooking: %s, %s", count(files, "file"), pad(printable(at), 50))
		}
	}
	return discover.Look(cmd.Context(), cfg)
}

// writeConfig writes a configuration that the daemon has been seen to take, whole or not at all.
func writeConfig(path, text string, force bool) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return userError{err}
	}
	f, err := os.CreateTemp(dir, ".veritail-*.toml")
	if err != nil {
		return userError{err}
	}
	defer func() { err = errors.Join(err, removeIfThere(f.Name())) }()
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if _, err := configs.LoadDaemon(f.Name()); err != nil {
		return fmt.Errorf("the configuration that was made is wrong, please report this with it: %w\n%s", err, text)
	}
	if force {
		err = os.Rename(f.Name(), path)
	} else {
		err = os.Link(f.Name(), path) // fails where something has come meanwhile
	}
	if err != nil {
		return userErrorf("write %s: %w", path, err)
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// written returns the file that was written, "" if none was.
func (in *initFlags) written() string {
	if in.dryRun {
		return ""
	}
	return in.out
}
