package kubernetes

import (
	"strings"

	"holdfast/diagnostic"
	"holdfast/source"
)

// An object is what the API server keeps under a name.
type object struct {
	field
	group     string // of the API: "apps", "" for the core
	kind      string
	namespace string // "" where none is written: whatever kubectl is told
	name      string
	nameAt    diagnostic.Place
	notes     map[string]string // its annotations
	labels    map[string]string
	live      bool // printed by a server, which fills in defaults
	owned     bool // made and kept by another object
	title     string
}

// of names an object in Problem.Of and in acceptances.
func (o *object) of() string {
	name := strings.ToLower(o.kind) + "/" + o.name
	if o.namespace != "" {
		return o.namespace + "/" + name
	}
	return name
}

// near says that two objects are in one namespace, as far as it is written: the
// one that does not say may be put into the other's.
func (o *object) near(other *object) bool {
	return o.namespace == other.namespace || o.namespace == "" || other.namespace == ""
}

// owner is who answers for it, in the object's own words.
func (o *object) owner() string {
	if owner := o.notes[ownerKey]; owner != "" {
		return owner
	}
	return o.labels[ownerKey]
}

const ownerKey = "holdfast/owner"

// objects are all that a document holds. A list is its items; what has no kind
// or no name is no object.
func objects(f field) []*object {
	kind := f.at("kind").text()
	items := f.at("items")
	if !items.written || !strings.HasSuffix(kind, "List") {
		return compact(newObject(f, kind))
	}
	var all []*object
	for _, item := range items.list() {
		itemKind := item.at("kind").text()
		if itemKind == "" {
			itemKind = strings.TrimSuffix(kind, "List") // a DeploymentList does not repeat itself
		}
		all = append(all, compact(newObject(item, itemKind))...)
	}
	return all
}

func compact(o *object) []*object {
	if o == nil {
		return nil
	}
	return []*object{o}
}

func newObject(f field, kind string) *object {
	meta := f.at("metadata")
	name := meta.at("name")
	if !name.written {
		name = meta.at("generateName")
	}
	if kind == "" || !name.written {
		return nil
	}
	group, _, grouped := strings.Cut(f.at("apiVersion").text(), "/")
	if !grouped {
		group = ""
	}
	o := &object{
		field: f, group: group, kind: kind, namespace: meta.at("namespace").text(), name: name.text(), nameAt: name.At,
		notes: meta.at("annotations").pairs(), labels: meta.at("labels").pairs(),
		live: meta.at("uid").written, owned: len(meta.at("ownerReferences").list()) > 0,
	}
	o.title = kind + " " + diagnostic.Tick(o.name)
	return o
}

// isCustom says that an object is of a kind that somebody added to Kubernetes:
// what it makes of itself, pods perhaps, is not in the file.
func (o *object) isCustom() bool {
	switch o.group {
	case "", "apps", "batch", "autoscaling", "policy", "extensions", "apiextensions.k8s.io":
		return false
	}
	return !strings.HasSuffix(o.group, ".k8s.io") || o.group == "gateway.networking.k8s.io"
}

// fileKind is how texts of this package are read.
func fileKind() source.Kind {
	return source.Kind{
		Meanings: append(source.Codes(), Codes()...), Many: true, Limits: source.Dumped(),
		Smallest: "kubectl get deploy,sts,svc,pdb,hpa -o yaml prints objects that can be read",
	}
}
