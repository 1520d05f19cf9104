// Package kubernetes reads the objects that a team already has, from manifests or
// from what kubectl prints, and says what in them will take users down: what has
// one replica, what a drain of nodes cannot move or moves all at once, which probe
// restarts what was well.
//
// It judges what is written and what the API server makes of it, and nothing
// else: what runs, how many nodes there are and how programs behave is not in
// these objects, and Review says so.
package kubernetes

import (
	"slices"
	"strings"

	"holdfast/diagnostic"
	"holdfast/source"
)

// Review says what is wrong with the objects of a file. Nothing is taken out of it
// that is accepted. It never panics, and its work is bounded by source.Dumped.
func Review(file source.File) diagnostic.Review {
	d := source.Read(file, fileKind())
	c := newCluster(d)
	if len(c.objects) == 0 && d.Problems.Errors() == 0 {
		d.Report(diagnostic.Beginning(), diagnostic.Problem{
			Code: NoObject, Message: "there is no Kubernetes object in " + diagnostic.Tick(file.Name), Note: "that nothing is wrong with nothing says nothing",
			Help: "look at the namespace and the kinds that were asked for: `kubectl get deploy,sts,svc,pdb,hpa -n shop -o yaml | holdfast check -`",
		})
	}
	accepted := c.acceptances(d)
	for _, f := range c.findings(agreed(accepted)) {
		d.Report(f.Place, f.Problem)
	}
	return diagnostic.Review{
		Problems: explained(d.Sorted(), file),
		Accepted: accepted,
		Summary:  c.summary(),
		Unknown:  c.unknown(),
	}
}

// Recognizes says whether a text looks like Kubernetes objects: a document of it
// has a kind and a version of an API at its beginning.
func Recognizes(text []byte) bool {
	version, kind := false, false
	for line := range strings.Lines(string(text)) {
		key := strings.TrimLeft(line, " {")
		quoted := len(line)-len(key) <= 4 && strings.HasPrefix(key, `"`)
		version = version || strings.HasPrefix(line, "apiVersion:") || quoted && strings.HasPrefix(key, `"apiVersion":`)
		kind = kind || strings.HasPrefix(line, "kind:") || quoted && strings.Contains(line, `"kind":`)
		if version && kind {
			return true
		}
	}
	return false
}

// explained gives templates that are not rendered the help that they need.
func explained(problems []diagnostic.Problem, file source.File) []diagnostic.Problem {
	if !slices.ContainsFunc(problems, func(p diagnostic.Problem) bool { return p.Code < firstCode }) {
		return problems
	}
	lines := strings.Split(file.Plain(), "\n")
	for i, p := range problems {
		if p.Code < firstCode && p.Line <= len(lines) && strings.Contains(lines[p.Line-1], "{{") {
			problems[i].Help = "this is a template and no YAML yet: check what it becomes, `helm template … | holdfast check -`"
		}
	}
	return problems
}
