package compose

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"holdfast/diagnostic"
)

// folders are where a service keeps its data, as far as image and file say. None
// means that it cannot be known.
func (s *service) folders() []string {
	if s.store.called == "" || len(s.EnvFiles) > 0 || s.sets("PGDATA") && s.unsure("environment") {
		return nil
	}
	if set := s.Environment["PGDATA"]; set != nil && s.store.called == "PostgreSQL" {
		return []string{path.Clean(*set)}
	}
	if s.movesData() {
		return nil
	}
	if s.image.name == "postgres" {
		switch major := s.image.major(); {
		case major >= 18:
			return []string{"/var/lib/postgresql"}
		case major == 0:
			return []string{"/var/lib/postgresql", "/var/lib/postgresql/data"}
		}
	}
	return s.store.folders
}

// sets says that the environment has one of some variables.
func (s *service) sets(variables ...string) bool {
	return slices.ContainsFunc(variables, func(v string) bool { _, set := s.Environment[v]; return set })
}

// movesData says that the command may put the data elsewhere.
func (s *service) movesData() bool {
	words := strings.Join(slices.Concat(s.Entrypoint, s.Command), " ")
	for _, option := range []string{"datadir", "data_directory", "dbpath", "-D ", "--dir ", "path.data", "--config", "--conf", ".conf", ".cnf"} {
		if strings.Contains(words, option) {
			return true
		}
	}
	return false
}

// A keeping is what becomes of data when the container is replaced.
type keeping int

const (
	unknownKeeping keeping = iota
	kept                   // in a named volume or a folder of the host
	anonymous              // in a volume that nobody finds again
	aside                  // there are volumes, and none is where the data is
	nowhere                // there is none
)

// keeps says where a service's data is, and at which mount that shows.
func (s *service) keeps() (keeping, *types.ServiceVolumeConfig) {
	if len(s.VolumesFrom) > 0 || s.unsure("volumes") || s.unsure("tmpfs") {
		return unknownKeeping, nil
	}
	folders := s.folders()
	writable, without := 0, -1
	for i, v := range s.Volumes {
		if v.ReadOnly {
			continue
		}
		if v.Type != types.VolumeTypeBind || !strings.Contains(path.Base(v.Target), ".") {
			writable++
		}
		for _, folder := range folders {
			if !s.covers(v.Target, folder) {
				continue
			}
			if v.Source != "" || v.Type != types.VolumeTypeVolume {
				return kept, &s.Volumes[i]
			}
			without = i
		}
	}
	for _, t := range s.Tmpfs {
		target, _, _ := strings.Cut(t, ":")
		if slices.ContainsFunc(folders, func(folder string) bool { return within(folder, target) }) {
			return kept, nil // in memory, on purpose
		}
	}
	switch {
	case without >= 0:
		return anonymous, &s.Volumes[without]
	case writable == 0:
		return nowhere, nil
	case len(folders) == 0:
		return unknownKeeping, nil
	default:
		return aside, nil
	}
}

// covers says that what is mounted at target holds a folder. Above a folder that
// the image makes a volume of its own it does not: Docker puts that one inside.
func (s *service) covers(target, folder string) bool {
	if !within(folder, target) {
		return false
	}
	if !s.store.declared {
		return true
	}
	for _, own := range s.store.folders {
		if s.image.name == "postgres" && s.image.major() >= 18 {
			own = "/var/lib/postgresql"
		}
		if own != path.Clean(target) && within(folder, own) && within(own, target) && !(s.image.name == "postgres" && s.image.major() == 0) {
			return false
		}
	}
	return true
}

// within says that a folder is another, or below it.
func within(folder, other string) bool {
	folder, other = path.Clean(folder), path.Clean(other)
	return folder == other || strings.HasPrefix(folder, strings.TrimSuffix(other, "/")+"/")
}

// lostDatabases finds databases and brokers whose data is gone when their
// container is. A cache is meant to forget, unless it is told to keep.
func lostDatabases(f *file) {
	for _, s := range f.services {
		if s.store.called == "" || !s.runs() || s.store.cache && !s.toldToKeep() {
			continue
		}
		p := diagnostic.Problem{Code: lostData}
		name := diagnostic.Tick(s.Name)
		at := s.written.at
		switch keeping, mount := s.keeps(); keeping {
		case nowhere:
			p.Message = name + " keeps the data of " + s.store.called + " in no volume"
			p.Note = "it is gone with the container: `docker compose down` and `up` begin with an empty one"
		case anonymous:
			p.Message, at = name+" keeps the data of "+s.store.called+" in a volume without a name", s.placeOfVolume(*mount)
			p.Note = "after `docker compose down` and `up` there is a new, empty one, and nobody knows which of the old ones was yours"
		case aside:
			at = s.at("volumes")
			p.Message = "the volumes of " + name + " are not where " + s.store.called + " keeps its data"
			p.Note = "it writes to " + diagnostic.Ticks(s.folders()) + " unless its configuration says otherwise, and what is there is gone with the container"
		default:
			continue
		}
		p.Help = "write `volumes: [\"" + s.Name + "-data:" + s.homeFolder() + "\"]` in " + name + ", and `volumes: {" + s.Name + "-data: {}}` at the top of the file"
		f.report(s, at, p)
	}
}

func (s *service) homeFolder() string {
	if folders := s.folders(); len(folders) > 0 {
		return folders[0]
	}
	if len(s.store.folders) > 0 {
		return s.store.folders[0]
	}
	return "/the/folder/it/writes/to"
}

// toldToKeep says that a cache is started with options that make it write down
// what it holds.
func (s *service) toldToKeep() bool {
	words := strings.Join(s.Command, " ")
	return strings.Contains(words, "--appendonly yes") || strings.Contains(words, "--save ") && !strings.Contains(words, `--save ""`) && !strings.Contains(words, "--save ''") && !slices.Contains(s.Command, "")
}

// lostNames finds RabbitMQ with a volume and without a fixed name: its folder is
// called after its host, and that is another one in every new container (page of
// the image on Docker Hub, "Running the daemon").
func lostNames(f *file) {
	for _, s := range f.services {
		if s.store.called != "RabbitMQ" || s.image.name != "rabbitmq" || !s.runs() || s.Hostname != "" || s.sets("RABBITMQ_NODENAME", "RABBITMQ_MNESIA_DIR", "RABBITMQ_MNESIA_BASE") || len(s.EnvFiles) > 0 {
			continue
		}
		if keeping, mount := s.keeps(); keeping == kept && mount != nil {
			f.report(s, s.placeOfVolume(*mount), diagnostic.Problem{
				Code: lostName, Message: diagnostic.Tick(s.Name) + " keeps its queues under a name that changes with every new container",
				Note: "RabbitMQ calls its folder after its host, and without `hostname:` that is the container's id: after the container is replaced it begins with an empty folder beside the old one",
				Help: "add `hostname: " + s.Name + "`",
			})
		}
	}
}

// movingStores finds databases whose version nobody chose. The next major
// version does not open the old one's files.
func movingStores(f *file) {
	for _, s := range f.services {
		if !s.store.isStore() || s.store.broker || !s.runs() || !s.image.versionless() {
			continue
		}
		p := diagnostic.Problem{
			Code: movingStore, Message: diagnostic.Tick(s.Name) + " runs whatever version of " + s.store.called + " is newest when it is pulled",
			Label: "no version", Note: "a new major version may refuse the data of the old one, or change it so that the old one does not start on it any more",
			Help: "write the version that runs now behind a colon: `image: " + s.image.name + ":VERSION`",
		}
		if _, mount := s.keeps(); s.refusesMount(mount) {
			p.Note = "a pull brings PostgreSQL 18 or later by now, whose image does not start with a volume at `/var/lib/postgresql/data` (docker-library/postgres#1259)"
		}
		f.report(s, s.valueAt("image"), p)
	}
}

// valueAt is the place of a value instead of its key.
func (s *service) valueAt(key string) diagnostic.Place {
	if n := s.look(key); n != nil {
		return n.value.At
	}
	return s.written.at
}

// refusesMount: from 18 on the official image keeps its data in a folder named
// after its version, and ends when a volume is where it used to be
// (docker-library/postgres#1259).
func (s *service) refusesMount(mount *types.ServiceVolumeConfig) bool {
	return mount != nil && s.image.name == "postgres" && s.image.registry == "" && mount.Target == "/var/lib/postgresql/data" && !s.sets("PGDATA") && len(s.EnvFiles) == 0
}

func movedFolder(f *file) {
	for _, s := range f.services {
		if s.image.name != "postgres" || s.image.major() < 18 || s.partial || s.store.called == "" {
			continue
		}
		for _, v := range s.Volumes {
			if s.refusesMount(&v) && !s.unsure("volumes") {
				f.report(s, s.placeOfVolume(v), diagnostic.Problem{
					Code: movedData, Message: diagnostic.Tick(s.Name) + " does not start: PostgreSQL 18 and later refuse a volume at `/var/lib/postgresql/data`", Label: "its place until 17",
					Also: []diagnostic.Mark{{Place: s.valueAt("image")}},
					Note: "since 18 the image keeps its data in `/var/lib/postgresql/18/docker` and wants the volume above it (docker-library/postgres#1259)",
					Help: "mount it at `/var/lib/postgresql`; data of an older version needs pg_upgrade or a dump first",
				})
			}
		}
	}
}

// openStores finds databases that anybody who reaches the host reaches too.
func openStores(f *file) {
	for _, s := range f.services {
		for _, p := range s.Ports {
			if s.store.called == "" || !slices.Contains(s.store.ports, p.Target) || !everywhere(p.HostIP) || s.unsure("ports") {
				continue
			}
			f.report(s, s.placeOfPort(p), diagnostic.Problem{
				Code: openStore, Message: diagnostic.Tick(s.Name) + " publishes " + s.store.called + " on every address of the host",
				Note: "other services of the file reach it without that; from outside, a scan or a forgotten script takes its connections, or worse. Docker's published ports pass by ufw; whether something else stands before the host cannot be seen here",
				Help: "remove the port, or write `\"127.0.0.1:" + publishedOr(p) + "\"` for tools on the host",
			})
			break
		}
	}
}

func publishedOr(p types.ServicePortConfig) string {
	target := strconv.Itoa(int(p.Target))
	if p.Published == "" {
		return target + ":" + target
	}
	return p.Published + ":" + target
}

// sharedFolders finds databases of which several write to one folder: replicas of
// one, or two services.
func sharedFolders(f *file) {
	type writer struct {
		of *service
		at diagnostic.Place
	}
	first := map[string]writer{}
	for _, s := range f.services {
		if !s.store.isStore() || s.partial || len(s.Profiles) > 0 || s.GetScale() == 0 || s.unsure("volumes") {
			continue
		}
		keeping, mount := s.keeps()
		if keeping != kept || mount == nil || mount.Source == "" || strings.Contains(mount.Source, "{{") {
			continue
		}
		at := s.placeOfVolume(*mount)
		if s.GetScale() > 1 {
			f.report(s, at, diagnostic.Problem{
				Code: sharedData, Message: diagnostic.Count(s.GetScale(), "replica") + " of " + diagnostic.Tick(s.Name) + " write to one data folder",
				Note: s.store.called + " holds its folder alone: the second one does not start, or both destroy it. Replicas of a database are set up in the database, not here",
				Help: "remove `replicas`, or make each member a service with a volume of its own",
			})
			continue
		}
		key := mount.Type + " " + mount.Source
		if other, twice := first[key]; twice && other.of.store.called == s.store.called && samePart(other.of, s) {
			f.report(s, at, diagnostic.Problem{
				Code: sharedData, Message: diagnostic.Tick(other.of.Name) + " and " + diagnostic.Tick(s.Name) + " write to one data folder", Also: []diagnostic.Mark{{Place: other.at}},
				Note: s.store.called + " holds its folder alone: the second one does not start, or both destroy it", Help: "give each a volume of its own",
			})
			continue
		}
		first[key] = writer{of: s, at: at}
	}
}

// samePart says that two services mount the same part of what they mount.
func samePart(a, b *service) bool {
	_, one := a.keeps()
	_, two := b.keeps()
	part := func(v *types.ServiceVolumeConfig) string {
		if v.Volume != nil {
			return v.Volume.Subpath
		}
		return ""
	}
	return one != nil && two != nil && part(one) == part(two) && one.Target == two.Target
}

// shortGraces says once which databases are killed ten seconds after they are
// asked to stop. The makers of the official image of PostgreSQL recommend more
// in its Dockerfile.
func shortGraces(f *file) {
	short := f.which(func(s *service) bool {
		return s.store.isStore() && !s.store.quick && s.runs() && s.StopGracePeriod == nil && !s.unsure("stop_grace_period")
	})
	f.reportOnce(short, diagnostic.Problem{
		Code: shortGrace, Message: names(short) + verb(short, " has", " have") + " 10 seconds to stop before Docker kills " + verb(short, "it", "them"),
		Note: "one that is busy needs longer to write down what it holds; killed, it must repair itself at the next start, and everything waits",
		Help: "write `stop_grace_period: 1m`",
	})
}

// splitStores finds replicas of a database or cache that are meant as one and
// are several: Docker sends each connection to any of them, and each knows only
// what it was told itself.
func splitStores(f *file) {
	for _, s := range f.services {
		if s.store.called == "" || s.GetScale() < 2 || s.partial || s.store.broker && s.store.called != "RabbitMQ" || len(s.Profiles) > 0 {
			continue
		}
		if _, mount := s.keeps(); mount != nil && mount.Source != "" && s.store.isStore() {
			continue // they would even write to one folder, which is said in another way
		}
		at := s.at("deploy", "replicas")
		if s.Scale != nil {
			at = s.at("scale")
		}
		f.report(s, at, diagnostic.Problem{
			Code: splitStore, Message: diagnostic.Count(s.GetScale(), "replica") + " of " + diagnostic.Tick(s.Name) + " are as many " + s.store.called + " servers that know nothing of each other",
			Note: "each connection goes to any of them: what one is told the others do not have, unless " + s.store.called + " itself is set up to share it",
			Help: "remove `replicas`; a " + s.store.called + " that survives the loss of one is set up in " + s.store.called + " itself",
		})
	}
}

// tiedVolumes finds databases of a swarm whose volume is on one node while the
// swarm may start them on another: there they begin empty.
func tiedVolumes(f *file) {
	if !f.swarm {
		return
	}
	for _, s := range f.services {
		keeping, mount := s.keeps()
		if !s.store.isStore() || !s.runs() || keeping != kept || mount == nil || mount.Type != types.VolumeTypeVolume || f.volumes[mount.Source].elsewhere() || s.pinned() {
			continue
		}
		f.report(s, s.placeOfVolume(*mount), diagnostic.Problem{
			Code: tiedVolume, Message: "the swarm may start " + diagnostic.Tick(s.Name) + " on a node that has not its data",
			Note: "a volume is on the node where it was first used; elsewhere there is a new, empty one of the same name",
			Help: "tie it to its node: `deploy: {placement: {constraints: [\"node.labels." + s.Name + " == true\"]}}`, or use a volume driver that every node reaches",
		})
	}
}

// pinned says that a constraint names one node. One of a role is met by several.
func (s *service) pinned() bool {
	return s.Deploy != nil && slices.ContainsFunc(s.Deploy.Placement.Constraints, func(c string) bool {
		return strings.Contains(c, "node.hostname") || strings.Contains(c, "node.id") || strings.Contains(c, "node.labels") || strings.Contains(c, "engine.labels")
	})
}
