package compose

import (
	"strings"

	"holdfast/command"
	"holdfast/diagnostic"
)

// filled is a scalar with its references to variables filled in, as Compose does:
// a variable that is not set and has no default is empty there. Here it makes
// the value vague, since the file's own .env, or whoever starts it, may set it.
func (p *planter) filled(n *node) (text string, vague bool) {
	if !strings.Contains(n.raw, "$") {
		return n.raw, false
	}
	f := &filling{environ: p.environ, unset: p.unset}
	text = f.fill(command.Pieces(n.raw), 0)
	if f.bad != nil {
		at := p.document.Dollar(n.value.At, f.bad.Dollar, f.bad.Source)
		p.document.Report(at, diagnostic.Problem{
			Code: refused, Message: "a reference to a variable that Compose cannot read", Label: f.bad.Why,
			Help: "write `${NAME}` or `${NAME:-default}`, or `$$` for a dollar sign",
		})
	}
	return text, f.vague
}

// A filling is one value's.
type filling struct {
	environ map[string]string
	unset   map[string]bool
	vague   bool
	bad     *command.Piece // the first that cannot be read
}

// maxNesting bounds ${A:+${B:+…}}.
const maxNesting = 16

// fill writes pieces out, as much of them as may be in a file: a variable that
// .env sets to a megabyte may be referred to a hundred thousand times. Whoever
// counts what is in the file says that it is too much.
func (f *filling) fill(all []command.Piece, nesting int) string {
	var text strings.Builder
	for _, p := range all {
		if text.Len() > maxVolume {
			break
		}
		value, set := f.environ[p.Name]
		switch {
		case p.Why != "":
			text.WriteString(f.other(p, nesting))
		case p.Name == "":
			text.WriteString(p.Text)
		case p.Fallback == command.Never && !set:
			f.miss(p.Name)
		case p.Fallback.Uses(value, set):
			text.WriteString(f.fill(p.Instead, nesting+1))
		default:
			text.WriteString(value)
		}
	}
	return text.String()
}

func (f *filling) miss(name string) {
	f.vague = true
	f.unset[name] = true
}

// other fills in the forms that only Compose has: ${NAME:?why} and ${NAME?why},
// which must be set, and ${NAME:+text} and ${NAME+text}, which are the text when
// it is.
func (f *filling) other(p command.Piece, nesting int) string {
	inner, braced := strings.CutPrefix(p.Source, "${")
	inner, closed := strings.CutSuffix(inner, "}")
	name := command.LeadingName(inner)
	rest := strings.TrimPrefix(inner[len(name):], ":")
	value, set := f.environ[name]
	switch {
	case nesting >= maxNesting || !braced || !closed || name == "" || rest == "" || !strings.ContainsRune("?+", rune(rest[0])):
		if f.bad == nil {
			f.bad = &p
		}
		return p.Text
	case !set:
		f.miss(name)
		return ""
	case rest[0] == '+':
		return f.fill(command.Pieces(rest[1:]), nesting+1)
	default:
		return value
	}
}
