package compose

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"holdfast/diagnostic"
)

// refuse says where the mistake is that Compose's reader stopped at, and leaves
// it out of what is asked next. A value that depends on a variable which is not
// set is left out in silence: whoever starts the file sets it. It returns false
// when there is nothing to leave out.
func (f *file) refuse(err error) bool {
	message := strings.TrimSpace(err.Error())
	at, extra := f.accused(message)
	if at == f.root && extra == nil {
		at, message = f.narrowed(message)
	}
	if extra != nil {
		f.reportUnknownKey(at, extra)
		extra.left = true
		return true
	}
	if at == f.root {
		f.document.Report(diagnostic.Beginning(), diagnostic.Problem{Code: refused, Message: "Compose refuses the file: " + plainly(message)})
		return false
	}
	if at.uncertain() {
		at.waits = true
		return true
	}
	told := strings.Contains(message, "missing propert") && at.hasLeft()
	at.left = true
	if !told {
		f.reportRefused(at, message)
	}
	return true
}

// accused is what a message speaks of by its path, and the key in it that is not
// known, if that is what the message says. Without a path it is the root.
func (f *file) accused(message string) (at, extra *node) {
	for _, path := range paths(message) {
		if at = f.follow(path); at != f.root {
			break
		}
	}
	if at == nil {
		at = f.root
	}
	if strings.HasSuffix(message, "false schema") && at != f.root {
		return f.parent(at), at
	}
	if _, listed, found := strings.Cut(message, "additional properties '"); found {
		for _, key := range strings.Split(strings.TrimSuffix(listed, "' not allowed"), "', '") {
			if kid := at.named[key]; kid != nil && !kid.left && !kid.waits {
				return at, kid
			}
		}
	}
	return at, nil
}

// paths are the places that a message may name, in the library's two ways of
// writing them: services.web.ports.0 and services[web].ports[0].
func paths(message string) []string {
	return append(dotted().FindAllString(message, 3), bracketed().FindAllString(message, 3)...)
}

func dotted() *regexp.Regexp {
	return regexp.MustCompile(`\b(services|networks|volumes|secrets|configs|models)\.[^\s:'"]+`)
}

func bracketed() *regexp.Regexp {
	return regexp.MustCompile(`\b(services|networks|volumes|secrets|configs|models)\[[^\s'"]+`)
}

// follow goes along a path as far as it is written. Keys may hold the dots that
// part them, so the longest key that fits is taken.
func (f *file) follow(path string) *node {
	n, rest := f.root, path
	for rest != "" {
		next, length := n.fits(rest)
		if next == nil {
			return n
		}
		n, rest = next, strings.TrimLeft(rest[length:], ".[]")
	}
	return n
}

// fits is what a path goes on with below a node, and how much of the path that
// is.
func (n *node) fits(path string) (next *node, length int) {
	for _, kid := range n.kids {
		if kid.left || kid.waits || kid.key == "" || len(kid.key) <= length || !strings.HasPrefix(path, kid.key) {
			continue
		}
		if rest := path[len(kid.key):]; rest == "" || strings.ContainsAny(rest[:1], ".[]") {
			next, length = kid, len(kid.key)
		}
	}
	if next != nil || !n.isList() {
		return next, length
	}
	digits := len(path) - len(strings.TrimLeft(path, "0123456789"))
	i, err := strconv.Atoi(path[:digits])
	kept := slices.DeleteFunc(slices.Clone(n.kids), func(kid *node) bool { return kid.left || kid.waits })
	if err != nil || i >= len(kept) {
		return nil, 0
	}
	return kept[i], digits
}

func (f *file) parent(of *node) *node {
	var found *node
	var walk func(n *node)
	walk = func(n *node) {
		for _, kid := range n.kids {
			if kid == of {
				found = n
			}
			if found == nil {
				walk(kid)
			}
		}
	}
	walk(f.root)
	return found
}

// mostAsked bounds the questions by which the place of one mistake is found.
const mostAsked = 300

// narrowed finds what a message without a path speaks of: Compose's reader is
// asked about less and less, in the order of the file, as long as it refuses.
// The message is then that of what is left.
func (f *file) narrowed(message string) (*node, string) {
	n, asked := f.root, 0
	around := func(whole any) any { return whole }
	for {
		next := (*node)(nil)
		for _, kid := range n.kids {
			if asked++; asked > mostAsked || kid.left || kid.waits || kid.key == "extends" {
				continue
			}
			if _, err := ask(around(n.only(kid, kid.plain())), true); err != nil {
				next, message = kid, strings.TrimSpace(err.Error())
				break
			}
		}
		if next == nil {
			return n, message
		}
		outer, within, kid := around, n, next
		around = func(inner any) any { return outer(within.only(kid, inner)) }
		n = next
	}
}

// only is a mapping or list with nothing in it but one value.
func (n *node) only(kid *node, value any) any {
	if n.isList() {
		return []any{value}
	}
	return map[string]any{kid.key: value}
}

func (f *file) reportUnknownKey(in, extra *node) {
	known := knownKeys(f.pathOf(in))
	where := "the file"
	if in.key != "" {
		where = diagnostic.Tick(in.key)
	}
	if in.key == "" && in != f.root {
		where = "this"
	}
	p := diagnostic.Problem{Code: unknownKey, Of: f.serviceOf(extra), Message: "Compose does not know the key " + diagnostic.Tick(extra.key), Label: "not a key of " + where}
	p.Help = diagnostic.DidYouMean("", nearest(extra.key, known), foreign(extra.key, in))
	if p.Help == "" {
		p.Help = "remove it, or let it begin with `x-` if it is for others"
	}
	if p.Help != "" && len(known) > 0 && len(known) <= 12 && nearest(extra.key, known) == "" {
		p.Help = "the keys of " + where + " are " + diagnostic.Ticks(known)
	}
	p.Note = "Compose refuses the whole file because of it"
	f.document.Report(extra.at, p)
}

// nearest also finds the key that somebody runs together or parts in another
// way: memlimit, mem-limit, dependsOn.
func nearest(key string, known []string) string {
	squeezed := func(text string) string {
		return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(text))
	}
	for _, one := range known {
		if squeezed(one) == squeezed(key) {
			return one
		}
	}
	return diagnostic.Nearest(key, known)
}

// foreign is the next step for keys that stand a level too high, or that people
// know from elsewhere.
func foreign(key string, in *node) string {
	if diagnostic.Nearest(key, []string{"replicas"}) != "" {
		return "write `deploy: {replicas: 2}`"
	}
	switch key {
	case "resources", "restart_policy", "update_config", "placement":
		return "it belongs under `deploy:`"
	case "env":
		return "write `environment:`"
	case "services", "image", "build", "ports":
		if in.key == "" {
			return "services stand under `services:`, each by its name"
		}
	}
	return ""
}

func (f *file) reportRefused(at *node, message string) {
	p := diagnostic.Problem{Code: refused, Of: f.serviceOf(at), Message: "Compose refuses " + f.spoken(at) + ": " + plainly(message), Note: "Compose refuses the whole file because of it"}
	place := at.value.At
	if at.value.Node == nil || place.Line == 0 {
		place = at.at
	}
	p.Help = remedy(at, message)
	f.document.Report(place, p)
}

// spoken is what a node is called: "`ports` of `web`".
func (f *file) spoken(n *node) string {
	path := f.pathOf(n)
	var words []string
	for _, key := range path {
		if key != "" {
			words = append(words, key)
		}
	}
	switch {
	case len(words) > 2 && words[0] == "services":
		return diagnostic.Tick(strings.Join(words[2:], ".")) + " of " + diagnostic.Tick(words[1])
	case len(words) == 2 && words[0] == "services":
		return "the service " + diagnostic.Tick(words[1])
	default:
		return diagnostic.Tick(strings.Join(words, "."))
	}
}

// serviceOf is the name of the service that a node belongs to, or "".
func (f *file) serviceOf(n *node) string {
	if path := f.pathOf(n); len(path) > 1 && path[0] == "services" {
		return path[1]
	}
	return ""
}

// pathOf are the keys that lead to a node; "" stands for an item of a list.
func (f *file) pathOf(n *node) []string {
	var walk func(from *node) ([]string, bool)
	walk = func(from *node) ([]string, bool) {
		if from == n {
			return nil, true
		}
		for _, kid := range from.kids {
			if path, found := walk(kid); found {
				return append([]string{kid.key}, path...), true
			}
		}
		return nil, false
	}
	path, _ := walk(f.root)
	return path
}
