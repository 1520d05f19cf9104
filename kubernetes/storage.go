package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/diagnostic"
)

func storageRules() []rule {
	return []rule{
		{Meaning: warning(NotKept, "what a data store has written is gone with its pod"), find: notKept, together: "%s that store data keep it no longer than their pod lives"},
		{Meaning: warning(SharedDisk, "several replicas share a volume that is for one"), find: sharedDisk},
		{Meaning: warning(TwoMembers, "a quorum has an even number of members that one less would serve as well"), find: twoMembers},
	}
}

// stores are programs whose purpose is to keep what they are given, and where
// their images keep it; Redis may be a cache, so that it counts only where
// somebody gave it a volume.
func stores() map[string][]string {
	return map[string][]string{
		"postgres": {"/var/lib/postgresql/data", "/var/lib/postgresql", "/pgdata", "/bitnami/postgresql"}, "postgresql": {"/bitnami/postgresql", "/var/lib/pgsql", "/var/lib/postgresql"},
		"postgis": {"/var/lib/postgresql"}, "timescaledb": {"/var/lib/postgresql"}, "pgvector": {"/var/lib/postgresql"},
		"mysql": {"/var/lib/mysql", "/bitnami/mysql"}, "mysql-server": {"/var/lib/mysql"}, "mariadb": {"/var/lib/mysql", "/bitnami/mariadb"}, "percona-server": {"/var/lib/mysql"},
		"mongo": {"/data/db"}, "mongodb": {"/data/db", "/bitnami/mongodb"}, "couchdb": {"/opt/couchdb/data"}, "influxdb": {"/var/lib/influxdb", "/var/lib/influxdb2"},
		"cassandra": {"/var/lib/cassandra", "/cassandra_data", "/bitnami/cassandra"}, "cockroach": {"/cockroach/cockroach-data"}, "neo4j": {"/data"},
		"elasticsearch": {"/usr/share/elasticsearch/data"}, "opensearch": {"/usr/share/opensearch/data"}, "clickhouse-server": {"/var/lib/clickhouse"},
		"rabbitmq": {"/var/lib/rabbitmq", "/bitnami/rabbitmq"}, "zookeeper": {"/data", "/var/lib/zookeeper", "/bitnami/zookeeper"}, "etcd": {"/var/lib/etcd", "/etcd-data", "/var/run/etcd"},
		"redis": {"/data", "/bitnami/redis"}, "valkey": {"/data"}, "minio": {"/data", "/export"}, "rethinkdb": {"/data"}, "arangodb": {"/var/lib/arangodb3"},
	}
}

func isCache(program string) bool { return program == "redis" || program == "valkey" }

// An image is what a container runs.
type image struct {
	program string // the last part of its name
	tag     string
	pinned  bool // by a digest
}

func imageOf(c container) image {
	name, _, pinned := strings.Cut(c.image.text(), "@")
	last := name[strings.LastIndexByte(name, '/')+1:]
	program, tag, _ := strings.Cut(last, ":")
	return image{program: program, tag: tag, pinned: pinned}
}

// store is the container of a pod whose program keeps data, if there is one.
func (p pod) store() (container, bool) {
	for _, c := range p.containers {
		if c.store() != "" {
			return c, true
		}
	}
	return container{}, false
}

// store is the program that keeps data in a container, or "". Images that a team
// builds are told by what they mount: no other program keeps its files there.
func (c container) store() string {
	if program := imageOf(c).program; stores()[program] != nil {
		return program
	}
	for _, m := range c.mounts {
		for _, own := range []string{"postgres", "mysql", "mongo", "cassandra", "rabbitmq"} {
			if slices.Contains(stores()[own][:1], m.path) {
				return own
			}
		}
	}
	return ""
}

// keepsData says that a workload keeps data, or is meant to. A cache of one
// replica is no store because of its name.
func (w *workload) keepsData() bool {
	c, is := w.pod.store()
	if !is {
		return false
	}
	return !isCache(c.store()) || len(w.claims()) > 0 || len(w.templates()) > 0 || w.dataMount(c).written
}

// templates are the names of the volumes that a StatefulSet makes for each pod.
func (w *workload) templates() []string {
	var all []string
	for _, t := range w.at("spec", "volumeClaimTemplates").list() {
		all = append(all, t.at("metadata", "name").text())
	}
	return all
}

// dataMount is where something is mounted at the place in which a store keeps
// what it has.
func (w *workload) dataMount(c container) mount {
	for _, m := range c.mounts {
		for _, place := range stores()[c.store()] {
			if m.path == place || strings.HasPrefix(m.path, place+"/") {
				return m
			}
		}
	}
	return mount{}
}

// notKept is sure where nothing of the pod outlives it, or where the place of the
// data is an emptyDir.
func notKept(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		one, is := w.pod.store()
		if !is || w.kind == "DaemonSet" {
			return finding{}, false
		}
		m := w.dataMount(one)
		empty := w.emptyVolume(m.volume)
		if !empty.written && (w.outlives() || isCache(one.store())) {
			return finding{}, false
		}
		at, label := one.image.or(w.nameAt), "a data store, and no volume that outlives the pod"
		if empty.written {
			at, label = empty.At, "gone with the pod"
		}
		return w.finding(at, diagnostic.Problem{
			Message: fmt.Sprintf("what %s of %s has written is gone with its pod", diagnostic.Tick(one.store()), w.title), Label: label,
			Note: "pods end at every rollout, drain and loss of a node, and start again empty. Whether these data can be made again is not in the file",
			Help: w.keepHelp(one),
		}), true
	})
}

func (w *workload) keepHelp(c container) string {
	return fmt.Sprintf("use a StatefulSet with `volumeClaimTemplates` and mount one at `%s`; if it may be lost: %s", stores()[c.store()][0], w.acceptance(NotKept))
}

func (w *workload) emptyVolume(name string) field {
	for _, v := range w.pod.volumes {
		if v.name == name && v.empty && name != "" {
			return v.field
		}
	}
	return field{}
}

// outlives says that something mounted may outlive the pod. A volume whose kind
// is not known here is taken to.
func (w *workload) outlives() bool {
	if len(w.templates()) > 0 {
		return true
	}
	return slices.ContainsFunc(w.pod.volumes, func(v volume) bool {
		return !v.empty && !v.at("configMap").written && !v.at("secret").written && !v.at("projected").written && !v.at("downwardAPI").written
	})
}

// sharedDisk knows of a claim only what is in the file. Without it, it speaks of
// data stores, which do not share their files whatever the volume can.
func sharedDisk(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if !w.counted() || w.kind == "StatefulSet" || w.most() < 2 {
			return finding{}, false
		}
		for _, claim := range w.claims() {
			mode := c.mode(w, claim.text())
			if !onePod(mode) && !w.keepsData() {
				continue
			}
			return w.finding(claim.At, diagnostic.Problem{
				Message: fmt.Sprintf("up to %s of %s share one volume", diagnostic.Count(w.most(), "replica"), w.title),
				Label:   modeLabel(mode), Also: []diagnostic.Mark{{Place: w.replicas.or(w.nameAt), Label: diagnostic.Count(w.most(), "replica")}},
				Note: "replicas on another node than the first wait for the volume for ever; those on the same node write the same files, and are lost together",
				Help: "use a StatefulSet with `volumeClaimTemplates`, one volume for each; or a claim that is ReadWriteMany, where the program can share its files",
			}), true
		}
		return finding{}, false
	})
}

// quorums are programs that go on only with more than half of their members.
func quorums() []string { return []string{"etcd", "zookeeper", "consul", "cockroach"} }

func twoMembers(c *cluster) []finding {
	return c.each(func(w *workload) (finding, bool) {
		if w.kind != "StatefulSet" || !w.counted() || w.replicas.number(1) != 2 {
			return finding{}, false
		}
		for _, one := range w.pod.containers {
			if program := imageOf(one).program; slices.Contains(quorums(), program) {
				return w.finding(w.replicas.At, diagnostic.Problem{
					Message: fmt.Sprintf("%s has two members, and %s needs more than half of them", w.title, diagnostic.Tick(program)),
					Label:   "more than half of two is two",
					Note:    "the loss of either stops it: two are down more often than one",
					Help:    "write `replicas: 3`",
				}), true
			}
		}
		return finding{}, false
	})
}
