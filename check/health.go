package check

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"holdfast"
	"holdfast/diagnostic"
)

// farHealth finds health checks that ask more than the replica itself: then one
// failure looks like many.
func farHealth() rule {
	return rule{
		Meaning: diagnostic.Meaning{Code: "HF2206", Severity: diagnostic.Warning, Title: "a health check reaches further than its service"},
		find: func(c *judging) []Finding {
			var all []Finding
			var unsaid []holdfast.Service
			for _, s := range c.system.Services {
				h := s.Healthcheck
				if s.Protocol != holdfast.HTTP && s.Protocol != holdfast.H2C || h.Disabled || s.Once {
					continue
				}
				switch named := c.namedBy(s); {
				case named != "":
					all = append(all, reaches(s, named))
				case h.Path == "/" && len(asked(s)) > 0:
					all = append(all, frontPage(s))
				case h.Path == "" && c.waits(s):
					unsaid = append(unsaid, s)
				}
			}
			if len(unsaid) > 0 {
				all = append(all, c.frontPages(unsaid))
			}
			return append(all, c.oneCheck()...)
		},
	}
}

// asked are the dependencies that a service sends requests to.
func asked(s holdfast.Service) []holdfast.Dependency {
	return slices.DeleteFunc(slices.Clone(s.DependsOn), func(d holdfast.Dependency) bool { return d.Completed })
}

// waits says that a page may wait for a dependency longer than a check does. The
// status of the answer is not looked at where no path is asked for, so that an
// error that comes in time does no harm.
func (c *judging) waits(s holdfast.Service) bool {
	return slices.ContainsFunc(asked(s), func(d holdfast.Dependency) bool {
		return d.Timeout > s.Healthcheck.Timeout || c.services[d.On].Manage == holdfast.Observe
	})
}

// namedBy is a dependency that the path of a health check names, or "". A word
// that paths have for themselves is no name.
func (c *judging) namedBy(s holdfast.Service) holdfast.ServiceName {
	path := strings.ToLower(s.Healthcheck.Path)
	for _, d := range asked(s) {
		name := string(d.On)
		if !slices.Contains([]string{"health", "healthz", "healthcheck", "live", "ready", "status", "ping", "check"}, name) && hasWord(path, name) {
			return d.On
		}
	}
	return ""
}

// hasWord says whether a path has a word as one: between signs, or at an end.
func hasWord(path, word string) bool {
	inWord := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' }
	for from := 0; ; {
		i := strings.Index(path[from:], word)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(word)
		if (begin == 0 || !inWord(path[begin-1])) && (end == len(path) || !inWord(path[end])) {
			return true
		}
		from = begin + 1
	}
}

func reaches(s holdfast.Service, named holdfast.ServiceName) Finding {
	return looksSick(s, Finding{
		Label:   "names " + diagnostic.Tick(string(named)),
		Message: fmt.Sprintf("the health check of %s seems to ask %s", diagnostic.Tick(string(s.Name)), diagnostic.Tick(string(named))),
		Note:    fmt.Sprintf("when %s fails, every replica of %s looks sick, though nothing is wrong with any of them", diagnostic.Tick(string(named)), diagnostic.Tick(string(s.Name))),
	})
}

func frontPage(s holdfast.Service) Finding {
	return looksSick(s, Finding{
		Label:   "what users see",
		Message: fmt.Sprintf("the health check of %s asks for `/`, and with it whatever that page asks", diagnostic.Tick(string(s.Name))),
		Note:    fmt.Sprintf("if that is %s, every replica of %s looks sick when it fails, though nothing is wrong with any of them", diagnostic.Tick(string(asked(s)[0].On)), diagnostic.Tick(string(s.Name))),
	})
}

// looksSick is where and how a check is mended that asks a dependency.
func looksSick(s holdfast.Service, f Finding) Finding {
	f.Of, f.At = string(s.Name), at(s.Name, "healthcheck", "path")
	f.Or = []Path{{"defaults", "healthcheck", "path"}, at(s.Name, "urls")}
	f.Help = "check a path that asks nobody else, and answers when the replica itself can: `healthcheck: {path: /healthz}`"
	return f
}

// frontPages are services that are asked for / for want of a path: one line at
// the top of the file mends all of them.
func (c *judging) frontPages(unsaid []holdfast.Service) Finding {
	s := unsaid[0]
	on := asked(s)[0].On
	f := Finding{
		Of: string(s.Name), At: at(s.Name, "healthcheck"),
		Message: fmt.Sprintf("%s is asked for `/` as its health check, and may wait there for %s", diagnostic.Tick(string(s.Name)), diagnostic.Tick(string(on))),
		Note:    fmt.Sprintf("any answer will do, but it must come soon: while %s is silent, every replica of %s may look sick", diagnostic.Tick(string(on)), diagnostic.Tick(string(s.Name))),
		Help:    "check a path that asks nobody else: `healthcheck: {path: /healthz}`",
	}
	if len(unsaid) > 1 {
		f.Of = string(c.system.Name)
		f.Message = fmt.Sprintf("%s are asked for `/` as their health check, and may wait there for others", several(namesOf(unsaid), 3))
		f.Help += " in each, or once in `defaults`"
	}
	for _, s := range unsaid[1:min(len(unsaid), 4)] {
		f.Also = append(f.Also, Point{At: at(s.Name, "healthcheck"), Label: "so is this"})
	}
	return f
}

func namesOf(all []holdfast.Service) []holdfast.ServiceName {
	var names []holdfast.ServiceName
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}

// oneCheck finds URLs by which several services are checked.
func (c *judging) oneCheck() []Finding {
	var urls []string
	by := map[string][]holdfast.Service{}
	for _, s := range c.system.Services {
		for _, u := range s.URLs {
			checked := checkedAt(s, u)
			if others := by[checked]; len(others) > 0 && others[len(others)-1].Name == s.Name || checked == "" {
				continue
			}
			if by[checked] = append(by[checked], s); len(by[checked]) == 2 {
				urls = append(urls, checked)
			}
		}
	}
	var all []Finding
	for _, u := range urls {
		all = append(all, sameCheck(u, by[u]))
	}
	return all
}

// checkedAt is what a health check asks for a URL, "" where it does not.
func checkedAt(s holdfast.Service, text string) string {
	u, err := url.Parse(text)
	if err != nil || s.Protocol != holdfast.HTTP || s.Healthcheck.Disabled {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host) + cmp.Or(s.Healthcheck.Path, "/")
}

func sameCheck(checked string, by []holdfast.Service) Finding {
	second := by[1]
	f := Finding{
		Of: checked, At: at(second.Name, "healthcheck", "path"), Or: []Path{at(second.Name, "urls")},
		Message: fmt.Sprintf("%s are checked by one URL, %s", several(namesOf(by), 3), diagnostic.Tick(checked)),
		Note:    "it cannot tell which of them fails: all look sick at once, or none does",
		Help:    "give each a `healthcheck: {path: …}` that it answers itself; if they are one program, make them one service",
	}
	f.Also = []Point{{At: at(by[0].Name, "urls"), Label: "the same is asked for " + diagnostic.Tick(string(by[0].Name))}}
	return f
}
