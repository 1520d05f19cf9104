package kubernetes

import (
	"cmp"
	"slices"

	"holdfast/source"
)

// A cluster is what the objects of a file are to each other.
type cluster struct {
	objects   []*object
	workloads []*workload
	services  []*service
	budgets   []*budget
	scalers   []*scaler
	shelves   shelves
	routes    []*object         // Ingresses and the like
	modes     map[string]string // how a claim may be mounted, by namespace and name
	ranges    []*object         // LimitRanges, which fill in requests and limits
	unread    map[string]int    // kinds that are not looked at, and how many of each
	custom    bool              // there are objects of kinds that are not Kubernetes' own
	live      bool              // all objects were printed by a server
}

// newCluster reads all documents of a text.
func newCluster(d *source.Document) *cluster {
	c := &cluster{modes: map[string]string{}, unread: map[string]int{}}
	for _, tree := range d.Trees() {
		c.objects = append(c.objects, objects(field{Value: d.Root(tree), document: d, written: true})...)
	}
	c.live = len(c.objects) > 0
	for _, o := range c.objects {
		c.live = c.live && o.live
		c.custom = c.custom || o.isCustom()
		c.sortIn(o)
	}
	c.relate()
	return c
}

// sortIn puts an object where its kind belongs.
func (c *cluster) sortIn(o *object) {
	switch {
	case o.kind == "Service" && o.group == "":
		c.services = append(c.services, newService(o))
	case o.kind == "PodDisruptionBudget":
		c.budgets = append(c.budgets, newBudget(o))
	case o.kind == "HorizontalPodAutoscaler":
		c.scalers = append(c.scalers, newScaler(o))
	case o.kind == "ScaledObject":
		c.scalers = append(c.scalers, newScaler(o))
	case len(backends(o)) > 0:
		c.routes = append(c.routes, o)
	case o.kind == "PersistentVolumeClaim":
		c.modes[claimKey(o, o.name)] = cmp.Or(slices.Concat(o.at("spec", "accessModes").texts(), []string{""})...)
	case o.kind == "LimitRange":
		c.ranges = append(c.ranges, o)
	default:
		if w := newWorkload(o); w != nil {
			c.workloads = append(c.workloads, w)
		} else {
			c.unread[o.kind]++
		}
	}
}

func claimKey(o *object, name string) string { return o.namespace + "/" + name }

// relate finds out which policy, autoscaler, Service and route belong to what.
func (c *cluster) relate() {
	c.shelves = shelve(c.workloads)
	for _, s := range c.services {
		found, more := c.shelves.chosen(s.selector, &s.object)
		s.workloads, s.hidden = judged(found, more)
		for _, w := range s.workloads {
			w.services = append(w.services, s)
		}
	}
	for _, b := range c.budgets {
		found, more := c.shelves.chosen(b.selector, &b.object)
		b.workloads, b.hidden = judged(found, more)
		for _, w := range b.workloads {
			w.budgets = append(w.budgets, b)
		}
	}
	c.relateScalers()
	c.relateRoutes()
}

// judged parts what is found into what the rules speak of, and whether there is
// more than that.
func judged(found []*workload, more bool) ([]*workload, bool) {
	var known []*workload
	for _, w := range found {
		if w.hides() {
			more = true
		} else {
			known = append(known, w)
		}
	}
	return known, more
}

func (c *cluster) relateScalers() {
	byName := map[string][]*workload{}
	for _, w := range c.workloads {
		byName[w.kind+"/"+w.name] = append(byName[w.kind+"/"+w.name], w)
	}
	for _, s := range c.scalers {
		for _, w := range byName[cmp.Or(s.targetKind, "Deployment")+"/"+s.targetName] {
			switch {
			case !s.near(&w.object):
			case s.kind == "HorizontalPodAutoscaler" && !w.elsewhere:
				w.scaler = s
			default: // KEDA keeps an autoscaler of its own, which says less than it
				w.scaler, w.elsewhere = nil, true
			}
		}
	}
}

func (c *cluster) relateRoutes() {
	byName := map[string][]*service{}
	for _, s := range c.services {
		byName[s.name] = append(byName[s.name], s)
	}
	for _, o := range c.routes {
		for _, b := range backends(o) {
			for _, s := range byName[b.service.text()] {
				if word := o.kind + " " + o.name; s.near(o) && !slices.Contains(s.routes, word) {
					s.routes = append(s.routes, word)
				}
			}
		}
	}
}

// mode is how a claim may be mounted, as far as the file has it.
func (c *cluster) mode(w *workload, claim string) string { return c.modes[claimKey(&w.object, claim)] }

// fills says whether a LimitRange gives containers of a namespace what they do
// not ask for.
func (c *cluster) fills(o *object) bool {
	return slices.ContainsFunc(c.ranges, func(r *object) bool { return r.near(o) })
}
