package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/diagnostic"
)

// asksADependency knows three ways to be sure: a client that is told of another
// host, a path that names what is asked, and the path under which Spring Boot
// answers for everything it knows.
func asksADependency(c *cluster) []finding {
	return c.eachContainer(func(w *workload, one container) (diagnostic.Problem, bool) {
		p := one.liveness
		var at field
		var said string
		switch p.how {
		case "exec":
			at = p.at("exec", "command")
			said = otherHost(strings.Fields(strings.Join(at.texts(), " ")))
		case "httpGet":
			at = p.at("httpGet", "path")
			said = namesDependency(at.text())
		}
		if said == "" {
			return diagnostic.Problem{}, false
		}
		return diagnostic.Problem{
			Place:   at.At,
			Message: fmt.Sprintf("the liveness probe of %s asks %s", one.in(w), said),
			Label:   "not the container itself",
			Note:    "when that is slow or down, every pod of this workload is restarted, again and again. It mends nothing, takes away what still worked, and all come back at once",
			Help:    "let liveness ask the process only (for Spring Boot `/actuator/health/liveness`), and leave what it depends on to the readiness probe, or to nobody",
		}, true
	})
}

// clients are programs that ask a server, and the flags that name its host.
func clients() []string {
	return []string{"psql", "pg_isready", "mysql", "mysqladmin", "mariadb", "mariadb-admin", "redis-cli", "mongo", "mongosh", "cqlsh"}
}

// otherHost is the host that a client in a command is told, if it is not its own.
func otherHost(words []string) string {
	client := slices.IndexFunc(words, func(word string) bool {
		return slices.Contains(clients(), word[strings.LastIndexByte(word, '/')+1:])
	})
	if client < 0 {
		return ""
	}
	for i, word := range words[client:] {
		next := ""
		if client+i+1 < len(words) {
			next = words[client+i+1]
		}
		if host := hostIn(word, next); host != "" && !isLocal(host) {
			return "the host " + diagnostic.Tick(host)
		}
	}
	return ""
}

func hostIn(flag, next string) string {
	if host, long := strings.CutPrefix(flag, "--host="); long {
		return host
	}
	if flag == "-h" || flag == "--host" {
		return next
	}
	return ""
}

// isLocal also takes for local what only the pod knows: a variable.
func isLocal(host string) bool {
	host = strings.Trim(host, `"'`)
	return host == "" || host == "localhost" || host == "::1" || host == "0.0.0.0" || strings.HasPrefix(host, "127.") || strings.HasPrefix(host, "/") || strings.ContainsAny(host, "$(`")
}

// dependencies are words that in the path of a check mean something else than the
// process.
func dependencies() []string {
	return []string{"db", "database", "postgres", "postgresql", "mysql", "mariadb", "mongo", "mongodb", "redis", "kafka", "rabbitmq", "elasticsearch", "dependencies", "deps"}
}

func namesDependency(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if strings.TrimSuffix(path, "/") == "/actuator/health" {
		return "`/actuator/health`, where Spring Boot answers for its database, its queues and its disk too"
	}
	for _, word := range strings.FieldsFunc(path, func(c rune) bool { return strings.ContainsRune("/-_.", c) }) {
		if slices.Contains(dependencies(), strings.ToLower(word)) {
			return diagnostic.Tick(path)
		}
	}
	return ""
}
