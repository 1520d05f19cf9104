package compose

import (
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"holdfast/diagnostic"
	"holdfast/source"
)

// A volume is one that the file names at its top.
type volume struct {
	driver   string
	options  int
	external bool
}

// elsewhere says that a volume is not, or may not be, a folder of one node.
func (v volume) elsewhere() bool {
	return v.driver != "" && v.driver != "local" || v.options > 0 || v.external
}

// read understands a file: as text, as a tree, as Compose does, and as services
// that need each other. Each step is taken only if the one before it succeeded.
func read(from source.File, environ map[string]string) *file {
	f := &file{document: source.Read(from, kind())}
	tree := f.document.Tree()
	if tree == nil {
		return f
	}
	p := &planter{document: f.document, environ: environ, unset: map[string]bool{}}
	root := p.plant("", diagnostic.Beginning(), f.document.Root(tree), 0)
	f.unset = slices.Sorted(maps.Keys(p.unset))
	if !root.isMapping() {
		f.document.ReportType(root.value, "a mapping with `services`", kind().Smallest)
	}
	if f.document.Problems.Errors() > 0 || !f.hasServices(root) {
		return f
	}
	f.root = root
	f.readExtensions()
	f.trim()
	f.followExtends()
	project := f.load()
	if project == nil {
		return f
	}
	f.read = true
	f.understand(project)
	return f
}

// hasServices reports a file in which nothing runs: most likely it is no Compose
// file.
func (f *file) hasServices(root *node) bool {
	services := root.named["services"]
	if services != nil && len(services.kids) > 0 {
		return true
	}
	if root.named["include"] != nil {
		return true
	}
	at := diagnostic.Beginning()
	if services != nil {
		at = services.at
	}
	help := kind().Smallest
	for key := range root.named {
		if near := diagnostic.Nearest(key, []string{"services"}); near != "" && near != key {
			at, help = root.named[key].at, diagnostic.DidYouMean("", near, help)
		}
	}
	f.document.Report(at, diagnostic.Problem{Code: refused, Message: "the file has no services", Note: "what Holdfast's own file, a Compose file and Kubernetes objects look like is told apart by their keys", Help: help})
	return false
}

// understand makes services of what Compose's reader returned.
func (f *file) understand(project *types.Project) {
	f.volumes, f.likes = map[string]volume{}, map[string]int{}
	for name, v := range project.Volumes {
		f.volumes[name] = volume{driver: v.Driver, options: len(v.DriverOpts), external: bool(v.External)}
	}
	written := f.root.named["services"]
	if written == nil {
		return
	}
	for _, n := range written.kids {
		s, understood := project.Services[n.key]
		if !understood {
			continue
		}
		made := f.service(s, n)
		f.services = append(f.services, made)
		if like := made.likeness(); like != "" {
			f.likes[like]++
		}
	}
	f.swarm = f.isForSwarm(project)
	f.relate(project)
	f.checkReferences(project)
	f.checkCircles()
	f.checkExclusions()
}

func (f *file) service(s types.ServiceConfig, n *node) *service {
	made := &service{ServiceConfig: s, written: n, bases: f.bases(n)}
	made.image = parseImage(s.Image, !made.unsure("image"))
	if s.Build != nil {
		made.image = image{}
	}
	if made.image.known && runsServer(s) {
		made.store = storeOf(made.image)
	}
	extends := n.named["extends"]
	made.partial = n.hasLeft() || extends != nil && (extends.left || extends.waits) || s.Image == "" && s.Build == nil && s.Provider == nil && !made.unsure("image")
	return made
}

// hasLeft says that part of a value was refused.
func (n *node) hasLeft() bool {
	return slices.ContainsFunc(n.kids, func(kid *node) bool { return kid.left || kid.hasLeft() })
}

// runsServer tells the service of a database from its tools, which are run from
// the same image with another command.
func runsServer(s types.ServiceConfig) bool {
	words := strings.Fields(strings.Join(slices.Concat(s.Entrypoint, s.Command), " "))
	has := func(programs ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool {
			return slices.Contains(programs, strings.Trim(word[strings.LastIndexByte(word, '/')+1:], `"';()`))
		})
	}
	if has("postgres", "mysqld", "mysqld_safe", "mariadbd", "mongod", "redis-server", "valkey-server", "rabbitmq-server", "docker-entrypoint.sh") {
		return true
	}
	return !has("psql", "pg_dump", "pg_dumpall", "pg_basebackup", "pg_restore", "pg_isready", "createdb", "mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump",
		"mongosh", "mongo", "mongodump", "mongoimport", "mongorestore", "redis-cli", "redis-sentinel", "valkey-cli", "rabbitmqadmin", "rabbitmqctl",
		"kafka-topics", "kafka-topics.sh", "kafka-topics.bash", "clickhouse-client", "cqlsh", "etcdctl", "curl", "wget", "sleep", "crond", "cron")
}

// isForSwarm says that a file is written for docker stack deploy, where several
// replicas share a published port: it says what only a swarm understands.
func (f *file) isForSwarm(project *types.Project) bool {
	for _, network := range project.Networks {
		if network.Driver == "overlay" {
			return true
		}
	}
	name := strings.ToLower(f.document.File.Name)
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	return strings.Contains(name, "stack") || strings.Contains(name, "swarm") || slices.ContainsFunc(f.services, func(s *service) bool {
		d := s.Deploy
		return d != nil && (d.UpdateConfig != nil || d.RollbackConfig != nil || d.EndpointMode != "" || d.Mode != "" || d.RestartPolicy != nil || len(d.Placement.Constraints) > 0 || len(d.Placement.Preferences) > 0)
	})
}
