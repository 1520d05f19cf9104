package kubernetes

import (
	"encoding/json"
)

// A workload is what makes pods.
type workload struct {
	object
	pod       pod
	replicas  field
	services  []*service
	budgets   []*budget
	scaler    *scaler
	elsewhere bool // scaled by something that cannot be read here, KEDA for one
}

// newWorkload reads an object that makes pods, or is one; of any other kind it
// is nil. A kind that is not known is a workload all the same if it has a
// template: its pods may be behind a Service.
func newWorkload(o *object) *workload {
	spec := o.at("spec")
	w := &workload{object: *o, replicas: spec.at("replicas")}
	switch {
	case o.kind == "Pod" && o.group == "":
		w.pod = newPod(spec, o.at("metadata"))
	case o.kind == "CronJob" && o.group == "batch":
		template := spec.at("jobTemplate", "spec", "template")
		w.pod = newPod(template.at("spec"), template.at("metadata"))
	case spec.at("template", "spec", "containers").written:
		w.pod = newPod(spec.at("template", "spec"), spec.at("template", "metadata"))
	default:
		return nil
	}
	return w
}

// serves says that a workload is of a kind that the rules judge: one that stays
// and is not another's. Jobs end, and what an owner keeps, the owner answers for.
func (w *workload) serves() bool {
	switch w.kind {
	case "Deployment", "StatefulSet", "DaemonSet":
		return !w.off()
	case "ReplicaSet", "ReplicationController":
		return !w.owned && !w.off()
	}
	return false
}

// counted says that the workload has a number of replicas that is known: not one
// per node, and not what something else makes of it.
func (w *workload) counted() bool { return w.serves() && w.kind != "DaemonSet" && !w.elsewhere }

// hides says that the pods of a workload are not known from it: it is of a kind
// that is not judged, so nothing is said of what it may be part of.
func (w *workload) hides() bool {
	switch w.kind {
	case "Deployment", "StatefulSet", "DaemonSet":
		return false
	case "ReplicaSet", "ReplicationController":
		return w.owned
	}
	return true
}

// called says that others find its pods by a Service, be it in another file: that
// of a StatefulSet is named in it.
func (w *workload) called() bool {
	return len(w.services) > 0 || w.kind == "StatefulSet" && w.at("spec", "serviceName").text() != ""
}

// off says that somebody has switched it off.
func (w *workload) off() bool { return w.replicas.written && w.replicas.text() == "0" }

// now is how many replicas are asked for, least how few the autoscaler may
// leave, most how many it may make.
func (w *workload) now() int {
	if !w.replicas.written && w.scaler != nil {
		return w.scaler.least()
	}
	return w.replicas.number(1)
}

func (w *workload) least() int {
	if w.scaler != nil {
		return w.scaler.least()
	}
	return w.replicas.number(1)
}

func (w *workload) most() int {
	if w.scaler != nil {
		return max(w.scaler.most(), w.least())
	}
	return w.replicas.number(1)
}

// rolls says that new pods come before or while old ones go.
func (w *workload) rolls() bool { return w.at("spec", "strategy", "type").text() != "Recreate" }

// surge and gap are how many pods a rollout adds, and how many it may do without.
func (w *workload) surge() int { return rolling(w, "maxSurge").up(w.now()) }

func (w *workload) gap() int {
	n := rolling(w, "maxUnavailable").down(w.now())
	if n == 0 && w.surge() == 0 {
		return 1 // the server does not accept standing still
	}
	return n
}

// rolling is a field of a rollout; a quarter is the server's choice.
func rolling(w *workload, key string) amount {
	if a := w.at("spec", "strategy", "rollingUpdate", key).amount(); a.known {
		return a
	}
	return amount{n: 25, percent: true, known: true}
}

// claims are the PersistentVolumeClaims that its pods name.
func (w *workload) claims() []field {
	var all []field
	for _, v := range w.pod.volumes {
		if v.claim.written {
			all = append(all, v.claim)
		}
	}
	return all
}

// setsReplicas says where the manifest sets the number of replicas. In what a
// server prints the number is there anyway; what was applied is in an annotation.
func (w *workload) setsReplicas() bool {
	if !w.live {
		return w.replicas.written
	}
	var applied struct {
		Spec struct{ Replicas *int }
	}
	err := json.Unmarshal([]byte(w.notes["kubectl.kubernetes.io/last-applied-configuration"]), &applied)
	return err == nil && applied.Spec.Replicas != nil
}
