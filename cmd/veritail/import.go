package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/rules/sigma"
)

func importCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "import",
		Short: "Make rules of those of others",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(importSigmaCommand())
	return c
}

func importSigmaCommand() *cobra.Command {
	var configDir, out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "sigma DIR|FILE...",
		Short: "Convert Sigma rules",
		Long: `Import sigma reads Sigma rules (.yml, .yaml) and writes those that can be rules of
Veritail to a rule file, each with a line that it finds and a near miss as its
tests. It tells how many of them that are, and why the others are none. Look at
what you take: put the rules you want below local/ in your configuration, and run
veritail check.

Exit status: 0 if any rule was converted, 1 if none was or a file is none of
Sigma.`,
		Example: `  veritail import sigma -o sigma.toml sigma/rules/linux sigma/rules/web
  veritail import sigma -o - rule.yml
  veritail import sigma -json -o sigma.toml sigma/rules | jq .reasons`,
		Args: wants(1, 0, "directories or files of Sigma rules"),
		RunE: func(cmd *cobra.Command, paths []string) error {
			s, err := checkedSetup(configDir)
			if err != nil {
				return err
			}
			conv, err := sigma.New(s.fs, s.schema, s.decodeTest)
			if errors.Is(err, fs.ErrNotExist) {
				conv, err = sigma.New(configs.FS(""), s.schema, s.decodeTest)
			}
			if err != nil {
				return err
			}
			files, err := sigmaFiles(paths)
			if err != nil {
				return err
			}
			var r sigma.Result
			var faults []error
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err == nil {
					err = conv.Convert(&r, file, text)
				}
				if err != nil {
					faults = append(faults, err)
				}
			}
			if err := writeSigma(cmd.OutOrStdout(), out, &r); err != nil {
				return err
			}
			told := cmd.OutOrStdout()
			if out == "-" {
				told = cmd.ErrOrStderr()
			}
			if asJSON {
				err = printSigmaJSON(told, &r)
			} else {
				printSigma(told, out, &r)
			}
			if err != nil {
				return err
			}
			for _, fault := range faults {
				fmt.Fprintln(cmd.ErrOrStderr(), fault)
			}
			if len(faults) > 0 || len(r.Rules) == 0 {
				return errQuiet
			}
			return nil
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "sigma.toml", "the rule `file` to write, - for standard output")
	c.Flags().BoolVar(&asJSON, "json", false, "tell what became of the rules as one JSON object")
	configsFlag(c, &configDir, "formats, and sigma.toml with the log sources")
	return c
}

// sigmaFiles returns the files of Sigma rules below paths.
func sigmaFiles(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, userError{err}
		}
		if !info.IsDir() {
			files = append(files, p)
			continue
		}
		err = filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			if ext := strings.ToLower(filepath.Ext(name)); err == nil && d.Type().IsRegular() && (ext == ".yml" || ext == ".yaml") {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, userError{errors.New("no .yml file below " + strings.Join(paths, ", "))}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// writeSigma writes the converted rules, unless there are none.
func writeSigma(stdout io.Writer, out string, r *sigma.Result) error {
	if len(r.Rules) == 0 {
		return nil
	}
	if out == "-" {
		return sigma.Write(stdout, r.Rules)
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return userError{err}
	}
	return errors.Join(sigma.Write(f, r.Rules), f.Close())
}

// printSigma tells what became of the rules.
func printSigma(w io.Writer, out string, r *sigma.Result) {
	all := len(r.Rules) + len(r.Refused)
	if all == 0 {
		return
	}
	fmt.Fprintf(w, "%d of %d rules converted (%.0f %%)", len(r.Rules), all, 100*float64(len(r.Rules))/float64(all))
	if out != "-" && len(r.Rules) > 0 {
		fmt.Fprintf(w, ", written to %s", out)
	}
	fmt.Fprintln(w, ".")
	if len(r.Refused) == 0 {
		return
	}
	fmt.Fprintf(w, "\nNot converted:\n")
	for _, reason := range r.Reasons() {
		fmt.Fprintf(w, "%5d  %s\n", reason.Rules, printable(reason.Text))
		for _, x := range r.Refused {
			if x.Reason == reason.Text {
				fmt.Fprintf(w, "       - %s (%s)\n", cutText(printable(x.Title), 70), printable(x.File))
			}
		}
	}
}

func printSigmaJSON(w io.Writer, r *sigma.Result) error {
	type converted struct {
		ID    string `json:"id"`
		Title string `json:"title"`
		File  string `json:"file"`
	}
	report := struct {
		Converted []converted     `json:"converted"`
		Refused   []sigma.Refused `json:"refused"`
		Reasons   []sigma.Reason  `json:"reasons"`
	}{[]converted{}, r.Refused, r.Reasons()}
	for i := range r.Rules {
		x := &r.Rules[i]
		report.Converted = append(report.Converted, converted{x.ID, x.Origin.Title, x.Origin.File})
	}
	return json.NewEncoder(w).Encode(report)
}
