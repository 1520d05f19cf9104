package compose

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"holdfast/diagnostic"
)

// A service is one as Compose understands it, and where it stands.
type service struct {
	types.ServiceConfig
	written *node
	bases   []*node // what it extends in this file, nearest first
	image   image
	store   store  // what it keeps, when its image says so
	partial bool   // some of it stands in another file, or was refused
	needs   []need // in the order of the file
	callers []*service
}

// A need is a service that another cannot do without.
type need struct {
	on        *service
	condition string // of the start; "" when it is seen in the environment only
	required  bool
	at        diagnostic.Place
	seen      bool // in the environment, not in depends_on
}

// waits says that the start waits for it to be well, or to end.
func (n need) waits() bool {
	return n.condition == types.ServiceConditionHealthy || n.condition == types.ServiceConditionCompletedSuccessfully
}

// serves says that it is needed while the service runs, and not only before.
func (n need) serves() bool {
	return n.required && n.condition != types.ServiceConditionCompletedSuccessfully
}

// at is where a key of the service stands, or what it extends says it, or
// otherwise the service's name.
func (s *service) at(path ...string) diagnostic.Place {
	if n := s.look(path...); n != nil {
		return n.at
	}
	return s.written.at
}

// look finds a key of the service, in what it extends too.
func (s *service) look(path ...string) *node {
	for _, from := range append([]*node{s.written}, s.bases...) {
		if n, whole := from.find(path...); whole && len(path) > 0 {
			return n
		}
	}
	return nil
}

// unsure says that what is written under a key depends on a variable that is
// not set.
func (s *service) unsure(path ...string) bool {
	n := s.look(path...)
	return n != nil && n.uncertain()
}

// runs says that the service is there for good: not a tool of a profile, not
// switched off, not a job that ends.
func (s *service) runs() bool {
	return !s.partial && len(s.Profiles) == 0 && s.GetScale() > 0 && !s.once() && !s.isTemplate() && s.Provider == nil
}

// isTemplate says that a service is there for what others take from it.
func (s *service) isTemplate() bool {
	words := []string{"base", "common", "default", "defaults", "template"}
	return len(s.Ports) == 0 && len(s.callers) == 0 && slices.ContainsFunc(words, func(word string) bool {
		return s.Name == word || strings.HasSuffix(s.Name, "-"+word) || strings.HasPrefix(s.Name, word+"-") || strings.HasSuffix(s.Name, "_"+word)
	})
}

// once says that a service does its work and ends. Others wait for that, or its
// name says it.
func (s *service) once() bool {
	for _, caller := range s.callers {
		for _, n := range caller.needs {
			if n.on == s && n.condition == types.ServiceConditionCompletedSuccessfully {
				return true
			}
		}
	}
	words := strings.FieldsFunc(strings.ToLower(s.Name), func(c rune) bool { return c == '-' || c == '_' || c == '.' })
	return len(s.Ports) == 0 && slices.ContainsFunc(words, jobWord)
}

// jobWord is part of the name of something that is run and then over.
func jobWord(word string) bool {
	for _, stem := range []string{"migrat", "seed", "setup", "bootstrap", "provision", "createbucket", "fixture"} {
		if strings.HasPrefix(word, stem) {
			return true
		}
	}
	return slices.Contains([]string{"init", "initializer", "initdb", "install", "installer", "test", "tests", "e2e", "cli", "shell", "build", "builder", "job", "permissions", "certs", "keygen"}, word)
}

// needed says that others need the service while they run.
func (s *service) needed() bool {
	return slices.ContainsFunc(s.callers, func(caller *service) bool {
		return slices.ContainsFunc(caller.needs, func(n need) bool { return n.on == s && n.serves() })
	})
}

// published says that somebody outside of the file is served.
func (s *service) published() bool {
	return len(s.Ports) > 0 || s.NetworkMode == "host" && len(s.Expose) > 0
}

// policy is what starts a container again when it ends, as Docker names it: "no"
// when nothing does, "" when that depends on what is not known.
func (s *service) policy() string {
	if s.unsure("restart") || s.unsure("deploy", "restart_policy") {
		return ""
	}
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		switch condition := s.Deploy.RestartPolicy.Condition; condition {
		case "none", "no":
			return types.RestartPolicyNo
		case "any", "":
			return types.RestartPolicyAlways
		default:
			return condition
		}
	}
	name, _, _ := strings.Cut(s.Restart, ":")
	if name == "" {
		return types.RestartPolicyNo
	}
	return name
}

// checked says that a health check is in the file.
func (s *service) checked() bool {
	check := s.HealthCheck
	return check != nil && !s.unchecked()
}

// unchecked says that the file switches the health check off.
func (s *service) unchecked() bool {
	check := s.HealthCheck
	return check != nil && (check.Disable || len(check.Test) > 0 && check.Test[0] == "NONE")
}

// mostNamed is how many of what it is about a sentence names: more are not read.
const mostNamed = 6

// names lists services in a sentence.
func names(marks []mark) string {
	var all []string
	for _, m := range marks {
		if name := diagnostic.Tick(m.of.Name); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return diagnostic.Series(all, mostNamed)
}
