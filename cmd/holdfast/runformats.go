package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/report"
	"holdfast/spec"
)

// A runFormat is a way to show a run.
type runFormat struct {
	name      string // as --format has it
	extension string // of a file that holds it; empty: of none
	write     func(io.Writer, report.Run, report.Where) error
}

func runFormats() []runFormat {
	text := func(show func(report.Run, report.Where) string) func(io.Writer, report.Run, report.Where) error {
		return func(w io.Writer, run report.Run, where report.Where) error {
			_, err := io.WriteString(w, show(run, where))
			return err
		}
	}
	return []runFormat{
		{name: "text", extension: ".txt", write: text(func(run report.Run, _ report.Where) string { return report.Text(run, false) })},
		{name: "json", extension: ".json", write: func(w io.Writer, run report.Run, _ report.Where) error { return json.NewEncoder(w).Encode(run) }},
		{name: "markdown", extension: ".md", write: text(func(run report.Run, _ report.Where) string { return report.Markdown(run) })},
		{name: "github", write: text(report.GitHub)},
		{name: "junit", extension: ".xml", write: func(w io.Writer, run report.Run, _ report.Where) error { return report.JUnit(w, run) }},
		{name: "html", extension: ".html", write: func(w io.Writer, run report.Run, _ report.Where) error { return report.HTML(w, run) }},
	}
}

func (f runFormat) called() string { return f.name }

// A showing is how a run is shown: on the terminal, and in files beside it.
type showing struct {
	format runFormat
	files  []runFile
}

type runFile struct {
	path   string
	format runFormat
}

// showFlags are --format, --json and --out.
type showFlags struct {
	format string
	asJSON *bool
	files  []string
}

func addShowFlags(c *cobra.Command) *showFlags {
	s := &showFlags{asJSON: jsonFlag(c)}
	c.Flags().StringVar(&s.format, "format", "text", "how to show it: "+strings.Join(namesOf(runFormats(), runFormat.called), ", "))
	c.Flags().StringArrayVar(&s.files, "out", nil, "write it to this file too, as its name ends: "+strings.Join(extensions(), ", ")+"; may be given again")
	return s
}

func extensions() []string {
	var all []string
	for _, format := range runFormats() {
		if format.extension != "" {
			all = append(all, format.extension)
		}
	}
	return all
}

// read turns the flags into what they ask for, before anything is drilled.
func (s *showFlags) read(c *cobra.Command) (showing, error) {
	if *s.asJSON && c.Flags().Changed("format") && s.format != "json" {
		return showing{}, exit(exitUsage, errors.New("--json and --format are two ways to show one thing\n  next: give one of them; --out writes others beside it"))
	} else if *s.asJSON {
		s.format = "json"
	}
	format, err := runFormatCalled(s.format)
	if err != nil {
		return showing{}, err
	}
	shown := showing{format: format}
	for _, path := range s.files {
		file, err := runFileAt(path)
		if err != nil {
			return showing{}, err
		}
		shown.files = append(shown.files, file)
	}
	return shown, nil
}

func runFormatCalled(name string) (runFormat, error) {
	all := runFormats()
	if i := slices.IndexFunc(all, func(f runFormat) bool { return f.name == name }); i >= 0 {
		return all[i], nil
	}
	return runFormat{}, exit(exitUsage, fmt.Errorf("%q is not a format\n  next: %s", name, choice("--format", namesOf(all, runFormat.called))))
}

// runFileAt is a file to write to, which must be possible: a run takes minutes.
func runFileAt(path string) (runFile, error) {
	extension := strings.ToLower(filepath.Ext(path))
	all := runFormats()
	i := slices.IndexFunc(all, func(f runFormat) bool { return f.extension != "" && f.extension == extension })
	if i < 0 {
		return runFile{}, exit(exitUsage, fmt.Errorf("--out %s: what is to be in it?\n  next: let its name end with %s", path, choice("one of", extensions())))
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return runFile{}, exit(exitUsage, fmt.Errorf("--out %s: there is no folder %s\n  next: make it, or name another", path, filepath.Dir(path)))
	}
	return runFile{path: path, format: all[i]}, nil
}

// isText says that drills are printed as they end.
func (s showing) isText() bool { return s.format.name == "" || s.format.name == "text" }

// write writes the files. Others may read them: they are for others.
func (s showing) write(run report.Run, where report.Where) error {
	var failed error
	for _, file := range s.files {
		if err := file.write(run, where); err != nil {
			failed = errors.Join(failed, fmt.Errorf("--out %s: %w", file.path, err))
		}
	}
	return failed
}

func (f runFile) write(run report.Run, where report.Where) error {
	out, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(f.format.write(out, run, where), out.Close())
}

// whereIn finds what a mode strikes in the file that it was read from.
func whereIn(file string, system *holdfast.System, reading *spec.Reading) report.Where {
	return func(name holdfast.ModeName) (string, diagnostic.Place) {
		i := slices.IndexFunc(system.Modes, func(m holdfast.FailureMode) bool { return m.Name == name })
		if i < 0 {
			return file, diagnostic.Beginning()
		}
		path := []string{"services", string(system.Modes[i].Strikes.Service)}
		if strikes := system.Modes[i].Strikes; strikes.IsEdge() {
			path = []string{"services", string(strikes.Caller), "depends_on", string(strikes.Service)}
		}
		at, _ := reading.PlaceOf(path...)
		return file, at
	}
}

// nowhere is where nothing is known of a file.
func nowhere(holdfast.ModeName) (string, diagnostic.Place) { return "", diagnostic.Place{} }
