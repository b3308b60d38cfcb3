package emulator

// maxPast is how many ended invocations are remembered.
const maxPast = 1000

// past remembers the latest invocations that have ended, each with the status that refuses
// any further report.
type past struct {
	ids    []string // oldest first
	status map[string]int
}

func (p *past) add(id string, status int) {
	if p.status == nil {
		p.status = map[string]int{}
	}
	if len(p.ids) == maxPast {
		delete(p.status, p.ids[0])
		p.ids = p.ids[1:]
	}
	p.ids = append(p.ids, id)
	p.status[id] = status
}
