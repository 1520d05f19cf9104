package event

import (
	"fmt"
	"time"

	"holdfast"
)

// textOfIncident is the text of what is said of incidents, "" of anything else.
func textOfIncident(body Body) string {
	switch b := body.(type) {
	case Burned:
		return join("burned", promised(b.Promise), b.Rule, string(b.Urgency)) + fmt.Sprintf(": %d of %d bad, %.3g times faster than evenly", b.Bad, b.All, b.Rate) + comma(b.By)
	case Cooled:
		return join("cooled", promised(b.Promise), b.Rule, "after "+Short(b.After))
	case Opened:
		return join("opened", string(b.Incident), mark(b.Again, "again"), string(b.Severity), string(b.Urgency), "of", about(b.Service, b.Mode, b.ID, b.Promise), "for "+someone(b.Owner)) + colon(b.Why)
	case Joined:
		return join("joined", string(b.Incident), "by", about(b.Service, b.Mode, b.ID, b.Promise), mark(b.Leads, "which leads, for "+someone(b.Owner))) + colon(b.Why)
	case Raised:
		return join("raised", string(b.Incident), "to", string(b.Severity), string(b.Urgency)) + colon(b.Why)
	case Resolved:
		return join("resolved", string(b.Incident), "after", Short(b.After), mark(b.Parts > 1, fmt.Sprintf("of %d parts", b.Parts)))
	case Deferred:
		return textDeferred(b)
	case Acknowledged:
		return fmt.Sprintf("acknowledged %s by %s, by %s", b.Incident, b.By, b.Via)
	case Reminded:
		return fmt.Sprintf("reminded of %s: the acknowledgement by %s has run out", b.Incident, b.By)
	case Noted:
		return fmt.Sprintf("noted %s by %s: %s", b.Incident, b.By, b.Text)
	case Amended:
		return fmt.Sprintf("amended %s by %s: %s at %s", b.Incident, b.By, b.Moment, b.To.UTC().Format(time.RFC3339)) + colon(b.Why)
	case Promised:
		return join("promised", string(b.Incident), fmt.Sprintf("action %d", b.Number), mark(b.Done, "done"), "by", b.Owner, "due", b.Due.Format(time.DateOnly)) + colon(b.What)
	case Closed:
		return textClosed(b)
	default:
		return textOfMessage(body)
	}
}

func textDeferred(b Deferred) string {
	if b.To == "" {
		return "deferred " + string(b.Incident) + " no more" + colon(b.Why)
	}
	return "deferred " + string(b.Incident) + " to " + string(b.To) + colon(b.Why)
}

func textClosed(b Closed) string {
	if b.Waiver != nil {
		return fmt.Sprintf("closed %s by %s: waived by %s until %s: %s", b.Incident, b.By, b.Waiver.Owner, b.Waiver.Until.Format(time.DateOnly), b.Waiver.Reason)
	}
	return fmt.Sprintf("closed %s by %s: %s is drilled", b.Incident, b.By, b.Mode)
}

// textOfMessage is the text of what becomes of messages, and of who is to get them.
func textOfMessage(body Body) string {
	switch b := body.(type) {
	case Paged:
		return join("paged", string(b.Key), string(b.Purpose), "to", string(b.Person), "via "+string(b.Via))
	case Attempted:
		return "attempted " + string(b.Key)
	case Delivered:
		return join("delivered", string(b.Key), "in "+Short(b.Took)) + colon(b.Receipt)
	case Undelivered:
		return join("undelivered", string(b.Key), mark(b.Rejected, "for good"), mark(b.Unsure, "as far as is known")) + colon(b.Why)
	case Superseded:
		return "superseded " + string(b.Key) + colon(b.Why)
	case Unreached:
		return fmt.Sprintf("unreached %s by step %d", b.Incident, b.Step) + colon(b.Why)
	case Overridden:
		return fmt.Sprintf("overridden %s: %s from %s until %s, by %s", b.Schedule, b.Person, b.From.UTC().Format(time.RFC3339), b.Until.UTC().Format(time.RFC3339), b.By)
	case MaintenanceBegan:
		return join("maintenance began", drilled(b.Services), "until", b.Until.UTC().Format(time.RFC3339), "by", b.By) + colon(b.Why)
	case MaintenanceEnded:
		return "maintenance ended by " + b.By
	case Audited:
		return textAudited(b)
	default:
		return ""
	}
}

func textAudited(b Audited) string {
	if b.Why == "" {
		return "audited: whoever should be woken would be, again"
	}
	return "audited: whoever should be woken may not be" + colon(b.Why)
}

// promised names a promise: the one for everything has no name.
func promised(name holdfast.PromiseName) string {
	return join("the promise", string(name))
}

func comma(text string) string {
	if text == "" {
		return ""
	}
	return ", " + text
}

// about is what an incident, or a part of it, is about.
func about(service holdfast.ServiceName, mode holdfast.ModeName, id holdfast.ReplicaID, promise holdfast.PromiseName) string {
	replica := ""
	if id != (holdfast.ReplicaID{}) {
		replica = id.String()
	}
	if mode == "" && replica == "" {
		return join(promised(promise), mark(service != "", "of "+string(service)))
	}
	return join(replica, string(mode), mark(promise != "", "promise "+string(promise)))
}
