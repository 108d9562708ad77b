package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
)

// greet prints what the daemon will follow, what it may not read and the command that would let it, and where its
// console is.
func (d *daemon) greet() {
	w := d.out
	p := palette(w)
	fmt.Fprintf(w, "%s %s, pid %d, store %s\n\n", p.bold("veritail"), version, os.Getpid(), d.cfg.Store.Path)
	found, refused, missing := d.look()
	if len(found) > 0 {
		fmt.Fprintln(w, p.bold("Following"))
		for _, f := range found {
			fmt.Fprintf(w, "  %s %-44s %s\n", p.green("●"), printable(f.path), f.what)
		}
	}
	if len(refused) > 0 {
		fmt.Fprintln(w, p.bold("Cannot read"))
		for _, f := range refused {
			fmt.Fprintf(w, "  %s %-44s %s\n      %s\n", p.red("✕"), printable(f.path), f.what, p.blue(printable(repair(f.path))))
		}
	}
	var listening []string
	for _, in := range d.inputs {
		for _, l := range in.report().Listeners {
			listening = append(listening, fmt.Sprintf("  %s %-44s %s\n", p.green("●"), l.Address, in.pattern.Dataset))
		}
	}
	if len(listening) > 0 {
		fmt.Fprintf(w, "%s\n%s", p.bold("Listening"), strings.Join(listening, ""))
	}
	if len(missing) > 0 {
		fmt.Fprintf(w, "%s %s\n", p.bold("Waiting for"), strings.Join(missing, ", "))
	}
	fmt.Fprintf(w, "\n%s  http://%s", p.bold("Console"), d.address())
	if d.sites() {
		fmt.Fprintf(w, "   demonstration site: http://%s/?site=demo (DEMO=0 leaves it out)", d.address())
	}
	fmt.Fprintf(w, "\n%s  veritail status, veritail search QUERY; Ctrl-C stops without loss\n\n%s\n", p.bold("Next   "), p.bold("Findings"))
}

type lookedAt struct{ path, what string }

// look sorts the files that the patterns match now by whether they can be read. Data sets without any file are
// named once.
func (d *daemon) look() (found, refused []lookedAt, missing []string) {
	seen, there := map[string]bool{}, map[string]bool{}
	for _, in := range d.inputs {
		if in.called != "" {
			found = append(found, lookedAt{in.called, in.pattern.Dataset})
		}
	}
	for _, src := range d.patterns {
		there[src.Dataset] = there[src.Dataset] || src.Site != "" || src.Spool // what feeds them begins with the daemon
		paths, err := filepath.Glob(src.Glob)
		if err != nil {
			continue // the runner has refused such a pattern
		}
		if dir := filepath.Dir(src.Glob); len(paths) == 0 && !seen[dir] && closed(dir) {
			seen[dir], there[src.Dataset] = true, true
			refused = append(refused, lookedAt{dir, "permission denied"})
		}
		for _, path := range paths {
			if seen[path] {
				continue
			}
			seen[path], there[src.Dataset] = true, true
			if src.Spool { // our own
				continue
			}
			if why := unreadable(path); why != "" {
				refused = append(refused, lookedAt{path, why})
			} else {
				found = append(found, lookedAt{path, src.Dataset})
			}
		}
	}
	for _, dataset := range slices.Sorted(maps.Keys(there)) {
		if !there[dataset] {
			missing = append(missing, dataset)
		}
	}
	return found, refused, missing
}

// closed reports whether the directory is there and may not be listed, so that what is in it cannot be known.
func closed(dir string) bool {
	_, err := os.ReadDir(dir)
	return errors.Is(err, fs.ErrPermission)
}

// unreadable returns why the file at path cannot be read, "" if it can.
func unreadable(path string) string {
	f, err := os.Open(path)
	if err == nil {
		f.Close()
		return ""
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// repair returns the command that lets this user read the file at path, rotated successors included where its
// directory passes the right on.
func repair(path string) string {
	name := userName()
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return fmt.Sprintf("sudo setfacl -R -m u:%s:rX %s", name, shellQuote(path))
	}
	return fmt.Sprintf("sudo setfacl -m u:%s:rX %s %s", name, shellQuote(filepath.Dir(path)), shellQuote(path))
}

// userName returns who runs this.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "veritail"
}

// shellQuote quotes s for a POSIX shell where it needs it.
func shellQuote(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// sites reports whether some source is counted under a site of its own.
func (d *daemon) sites() bool {
	for _, s := range d.patterns {
		if s.Site != "" {
			return true
		}
	}
	return false
}
