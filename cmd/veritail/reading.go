package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/parsers"
)

// reading is what a command is told by flags about logs that it reads once.
type reading struct {
	configDir, format, prefix, layout, zone string
}

// flags adds the flags to a command. Shells complete the names of formats and the folders.
func (r *reading) flags(c *cobra.Command) {
	configsFlag(c, &r.configDir, "formats, rules and KPIs")
	c.Flags().StringVar(&r.format, "format", "auto", "the `format` of the lines, or auto to tell it from their content")
	c.Flags().StringVar(&r.prefix, "log-line-prefix", "", "PostgreSQL's `setting` of that name, where its logs are not understood without")
	c.Flags().StringVar(&r.layout, "log-format", "", "nginx's log_format or Apache's LogFormat, where its access log has a `layout` of its own")
	c.Flags().StringVar(&r.zone, "zone", "UTC", "`zone` of time stamps that name none, such as Europe/Berlin, or Local")
	completes(c, "format", r.formats)
}

// load reads the configuration and takes in what the flags say.
func (r *reading) load() (*setup, error) {
	s, err := loadSetup(r.configDir)
	if err != nil {
		return nil, err
	}
	if err := s.set.CheckPrefix(r.prefix); err != nil {
		return nil, userErrorf("log_line_prefix: %w", err)
	}
	if err := s.set.CheckLayout(r.format, r.layout); err != nil {
		return nil, userErrorf("log_format: %w", err)
	}
	s.prefix, s.layout = r.prefix, r.layout
	if s.zone, err = time.LoadLocation(r.zone); err != nil {
		return nil, userErrorf("zone %q is not in the time zone database; Europe/Berlin or UTC are", r.zone)
	}
	return s, nil
}

// formats returns the formats that begin with what has been typed.
func (r *reading) formats(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	s, err := loadSetup(r.configDir)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, name := range append([]string{"auto"}, s.set.Formats()...) {
		if strings.HasPrefix(name, typed) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// rules returns the ids of rules that begin with what has been typed.
func (r *reading) rules(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	s, err := loadSetup(r.configDir)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var ids []string
	for i := range s.rules {
		if strings.HasPrefix(s.rules[i].ID, typed) {
			ids = append(ids, s.rules[i].ID)
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// configsFlag adds the flag that names another configuration; what says which parts of it the command reads.
func configsFlag(c *cobra.Command, dir *string, what string) {
	c.Flags().StringVar(dir, "configs", "", "`directory` of "+what+"; what it has nothing of is as shipped")
	if err := c.MarkFlagDirname("configs"); err != nil {
		panic(err) // the flag was added one line before
	}
}

// completes lets shells complete the values of a flag that c has.
func completes(c *cobra.Command, flag string, values cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, values); err != nil {
		panic(err)
	}
}

// options are what a decoder of these logs is told of all of them.
func (s *setup) options() parsers.Options {
	return parsers.Options{Zone: s.zone, Prefix: s.prefix, Layout: s.layout}
}
