package compose

import (
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"holdfast/diagnostic"
)

// What is said once of a whole file: habits that hurt in every service alike.

// movingImages says once which images are others tomorrow. Databases are spoken
// of by themselves.
func movingImages(f *file) {
	var moving []mark
	for _, s := range f.services {
		if s.image.moves() && !s.partial && !s.isTemplate() && len(s.Profiles) == 0 && (!s.store.isStore() || s.store.broker) {
			moving = append(moving, mark{of: s, at: s.valueAt("image")})
		}
	}
	f.reportOnce(moving, diagnostic.Problem{
		Code: movingImage, Message: names(moving) + verb(moving, " runs", " run") + " whatever image is newest when it is pulled", Label: "another one tomorrow",
		Note: "a new host, or a pull after the disk was tidied, starts something that nobody has tried, and there is no old version to go back to by name",
		Help: "write the version that runs now; a digest behind it (`nginx:1.29@sha256:…`) cannot be moved by anybody",
	})
}

// missingLimits says once which services may take all memory of the host.
func missingLimits(f *file) {
	unlimited := f.which(func(s *service) bool {
		limited := s.MemLimit > 0 || s.Deploy != nil && s.Deploy.Resources.Limits != nil && s.Deploy.Resources.Limits.MemoryBytes > 0
		return s.runs() && !limited && !s.unsure("mem_limit") && !s.unsure("deploy", "resources")
	})
	f.reportOnce(unlimited, diagnostic.Problem{
		Code: noMemoryLimit, Message: names(unlimited) + " may take all memory of the host",
		Note: "when one leaks, the kernel kills whatever is largest then, most likely the database, and not the one that leaks",
		Help: "write `mem_limit: 512m` (or `deploy: {resources: {limits: {memory: 512M}}}`) for each, at about twice of what it uses: `docker stats` tells",
	})
}

// endlessLogs says once that nothing rotates the logs: Docker's own json-file
// driver keeps all of it for as long as the container lives.
func endlessLogs(f *file) {
	endless := f.which(func(s *service) bool {
		if !s.runs() || s.unsure("logging") {
			return false
		}
		switch l := s.Logging; {
		case s.LogDriver != "" && s.LogDriver != "json-file", s.LogOpt["max-size"] != "":
			return false
		case l == nil:
			return true
		default:
			return (l.Driver == "" || l.Driver == "json-file") && l.Options["max-size"] == ""
		}
	})
	f.reportOnce(endless, diagnostic.Problem{
		Code: endlessLog, Message: "the logs of " + names(endless) + " grow until the disk is full",
		Note: "Docker's own log driver keeps everything for as long as the container lives, and a full disk stops every database on the host; /etc/docker/daemon.json may say otherwise, which cannot be seen here",
		Help: "write `x-logging: &logging {driver: local}` at the top, which rotates, and `logging: *logging` in each service",
	})
}

// plainSecrets says once where passwords stand in the file: variables that are
// called so and have a text for a value, and addresses with a password in them.
func plainSecrets(f *file) {
	var plain []mark
	address := inAddress()
	for _, s := range f.services {
		list := s.look("environment")
		if list == nil {
			continue
		}
		for _, entry := range list.kids {
			key, raw := entry.key, entry.raw
			if key == "" {
				key, raw, _ = strings.Cut(entry.raw, "=")
			}
			if isSecret(key, raw) || address.MatchString(raw) && !strings.Contains(raw, "$") {
				plain = append(plain, mark{of: s, at: entry.at})
			}
		}
	}
	f.reportOnce(plain, diagnostic.Problem{
		Code: plainSecret, Message: "the file holds passwords of " + names(plain),
		Note: "whoever reads the repository can stop or empty what they open, and changing one in an emergency needs a change of the file and a start of everything that has it",
		Help: "write `${DB_PASSWORD:?}` with the value in an .env that is not in the repository, or `secrets:` and the image's variable that ends in `_FILE`",
	})
}

func isSecret(key, raw string) bool {
	if strings.Contains(raw, "$") || strings.TrimSpace(raw) == "" {
		return false
	}
	key = strings.ToUpper(key)
	named := false
	for _, end := range []string{"PASSWORD", "PASSWD", "SECRET", "SECRET_KEY", "API_KEY", "ACCESS_KEY", "PRIVATE_KEY", "AUTH_TOKEN", "API_TOKEN"} {
		named = named || key == end || strings.HasSuffix(key, "_"+end) || strings.HasSuffix(key, end) && strings.HasSuffix(end, "PASSWORD")
	}
	value := strings.ToLower(strings.Trim(raw, `"'`))
	return named && !slices.Contains([]string{"true", "false", "yes", "no", "0", "1", "none", "null"}, value) && !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "file:") && value != ""
}

// inAddress matches a password within an address: postgres://user:secret@db/shop.
func inAddress() *regexp.Regexp { return regexp.MustCompile(`://[^\s/:@]+:[^\s/:@]+@`) }

// sharedFates says once which services can stop everything else: those that
// command Docker itself, and those that are root on the host. What exists to
// stand between is no news.
func sharedFates(f *file) {
	var fatal []mark
	for _, s := range f.services {
		if strings.Contains(s.image.name, "socket-proxy") || len(s.Profiles) > 0 || s.GetScale() == 0 {
			continue
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && strings.HasSuffix(v.Source, "/docker.sock") {
				fatal = append(fatal, mark{of: s, at: s.placeOfVolume(v)})
			}
		}
		if s.Privileged && !s.unsure("privileged") {
			fatal = append(fatal, mark{of: s, at: s.at("privileged")})
		}
	}
	f.reportOnce(fatal, diagnostic.Problem{
		Code: sharedFate, Message: names(fatal) + " can stop everything else on the host",
		Note: "who holds Docker's socket, or is privileged, is root on the host; `:ro` keeps nobody from giving orders through the socket",
		Help: "let it ask through a proxy that allows only reading (tecnativa/docker-socket-proxy), and give single `cap_add:` instead of `privileged`",
	})
}
