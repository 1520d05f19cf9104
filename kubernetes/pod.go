package kubernetes

import (
	"slices"
	"strconv"
	"strings"
)

// A pod is what a template says of the pods it makes, or what a bare one says of
// itself.
type pod struct {
	spec       field
	labels     map[string]string
	notes      map[string]string // annotations
	containers []container
	volumes    []volume
}

// A container of a pod. Those that run before it (initContainers) are left out
// unless they stay: they serve nobody.
type container struct {
	field
	name      string
	image     field
	ports     []port
	mounts    []mount
	command   []string // and its arguments
	readiness probe
	liveness  probe
	startup   probe
}

type port struct {
	name   string
	number int
	host   field
}

type mount struct {
	field
	volume, path string
}

// A volume and where its content is.
type volume struct {
	field
	name  string
	claim field // the name of a PersistentVolumeClaim
	empty bool  // an emptyDir: gone with the pod
}

func newPod(spec, meta field) pod {
	p := pod{spec: spec, labels: meta.at("labels").pairs(), notes: meta.at("annotations").pairs()}
	for _, c := range spec.at("initContainers").list() {
		if c.at("restartPolicy").text() == "Always" {
			p.containers = append(p.containers, newContainer(c))
		}
	}
	for _, c := range spec.at("containers").list() {
		p.containers = append(p.containers, newContainer(c))
	}
	for _, v := range spec.at("volumes").list() {
		p.volumes = append(p.volumes, volume{field: v, name: v.at("name").text(), claim: v.at("persistentVolumeClaim", "claimName"), empty: v.at("emptyDir").written})
	}
	return p
}

func newContainer(f field) container {
	c := container{
		field: f, name: f.at("name").text(), image: f.at("image"),
		command:   slices.Concat(f.at("command").texts(), f.at("args").texts()),
		readiness: newProbe(f.at("readinessProbe")), liveness: newProbe(f.at("livenessProbe")), startup: newProbe(f.at("startupProbe")),
	}
	for _, p := range f.at("ports").list() {
		number := p.at("containerPort").number(0)
		c.ports = append(c.ports, port{name: p.at("name").text(), number: number, host: p.at("hostPort")})
	}
	for _, m := range f.at("volumeMounts").list() {
		c.mounts = append(c.mounts, mount{field: m, volume: m.at("name").text(), path: m.at("mountPath").text()})
	}
	return c
}

// asks says whether a container asks for some of a resource; a limit alone asks
// for as much.
func (c container) asks(resource string) bool {
	return c.at("resources", "requests", resource).written || c.limits(resource)
}

func (c container) limits(resource string) bool { return c.at("resources", "limits", resource).written }

// grace is how long a pod has to end, in seconds.
func (p pod) grace() int { return p.spec.at("terminationGracePeriodSeconds").number(30) }

// A probe is how the kubelet asks a container how it is. Numbers that are not
// written are the server's.
type probe struct {
	field
	how                              string // exec, httpGet, grpc, tcpSocket; "" for no probe
	delay, period, timeout, patience int    // seconds, and failures in a row
}

func newProbe(f field) probe {
	p := probe{
		field: f, delay: f.at("initialDelaySeconds").number(0), period: f.at("periodSeconds").number(10),
		timeout: f.at("timeoutSeconds").number(1), patience: f.at("failureThreshold").number(3),
	}
	for _, how := range []string{"exec", "httpGet", "grpc", "tcpSocket"} {
		if f.at(how).written {
			p.how = how
		}
	}
	return p
}

// question is what a probe asks, the same text for the same question. Headers do
// not make it another.
func (p probe) question(c container) string {
	f := p.at(p.how)
	switch p.how {
	case "exec":
		return "exec " + strings.Join(f.at("command").texts(), "\x00")
	case "httpGet":
		return strings.Join([]string{"httpGet", f.at("host").text(), c.numberOf(f.at("port").text()), f.at("path").text()}, "\x00")
	case "grpc":
		return strings.Join([]string{"grpc", c.numberOf(f.at("port").text()), f.at("service").text()}, "\x00")
	default:
		return p.how + c.numberOf(f.at("port").text())
	}
}

// numberOf is the number of a port that may be given by its name.
func (c container) numberOf(name string) string {
	for _, p := range c.ports {
		if p.name == name && name != "" {
			return strconv.Itoa(p.number)
		}
	}
	return name
}

// probes are those a container has, with the words for them.
func (c container) probes() []probe {
	return slices.DeleteFunc([]probe{c.startup, c.readiness, c.liveness}, func(p probe) bool { return p.how == "" })
}
