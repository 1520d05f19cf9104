package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"holdfast/picture"
)

// drawn makes a format of a way to draw. The picture alone is on stdout, for
// whatever reads it there; that there are problems, and how to see them, is said
// beside it.
func drawn(how func(picture.Picture, io.Writer) string) func(*cobra.Command, *checked) error {
	return func(c *cobra.Command, d *checked) error {
		switch {
		case !d.usable:
			_, err := io.WriteString(c.ErrOrStderr(), d.file.Show(d.Problems, isTerminal(c.ErrOrStderr()))+"\n"+d.found()+"\n")
			return failedToPrint(err)
		case d.system == nil:
			return exit(exitUsage, errors.New("only a "+defaultFile+" is drawn\n  next: make one: holdfast init --from "+d.File))
		}
		if len(d.Problems) > 0 {
			fmt.Fprintf(c.ErrOrStderr(), "%s: holdfast check says more\n", d.found())
		}
		_, err := io.WriteString(c.OutOrStdout(), how(picture.Of(d.system, *d.Design), c.OutOrStdout()))
		return failedToPrint(err)
	}
}

func asMermaid(p picture.Picture, _ io.Writer) string { return p.Mermaid() }
func asDot(p picture.Picture, _ io.Writer) string     { return p.Dot() }

func asMap(p picture.Picture, out io.Writer) string {
	return p.Text(picture.Terminal{Width: columns(out), ASCII: plainCharacters(os.Getenv), Colour: isTerminal(out)})
}

// plainCharacters says that more than ASCII may not be shown: by a terminal that
// says it can do nothing, or in a locale that has other characters. Where none is
// set, as in most containers, terminals show UTF-8.
func plainCharacters(getenv func(string) string) bool {
	if getenv("TERM") == "dumb" {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // the first that is set holds
		if locale := strings.ToLower(getenv(name)); locale != "" {
			return !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
		}
	}
	return false
}

// columns is how wide the terminal is, or as wide as a picture may be where it is
// none.
func columns(out io.Writer) int {
	const narrowest = 40 // below that, one line of a picture is several of the terminal's, whatever is done
	if file, is := out.(*os.File); is {
		if size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
			return max(narrowest, int(size.Col))
		}
	}
	return picture.MaxWidth
}
