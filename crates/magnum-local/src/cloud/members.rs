//! What becomes of a stack's members: which there are to be, and what is heard of each.

use super::{
    life::{Patience, troubled},
    stack::{Action, Cx, Member, Phase, Stack, Status, Trouble},
};
use uuid::Uuid;

impl Stack {
    /// Brings the members in line with the parameters, as Heat's groups do: indexes count from 0, one that was removed by
    /// name never comes back, the highest go first, and a failed member is made anew.
    pub(super) fn fit(&mut self, cx: &Cx<'_>) {
        let groups = self.document.groups.clone();
        for group in &groups {
            let named = self.document.removals(group, &self.parameters);
            let there = self.staying().filter(|member| member.group == group.resource);
            let removed: Vec<u32> = there
                .filter(|m| named.iter().any(|n| *n == m.index.to_string() || *n == m.server.to_string()))
                .map(|member| member.index)
                .collect();
            let skipped = self.skipped.entry(group.resource.clone()).or_default();
            skipped.extend(removed);
            // The count was checked when the parameters came.
            let count = self.document.count(group, &self.parameters).unwrap_or(0);
            let wanted: Vec<u32> = (0..)
                .filter(|index| !skipped.contains(index))
                .take(usize::try_from(count).unwrap_or(0))
                .collect();
            for member in self.members.iter_mut().filter(|member| member.group == group.resource) {
                if !wanted.contains(&member.index) || member.is_failed() {
                    member.leaving = true;
                }
            }
            for index in wanted {
                let is_there = self.staying().any(|m| m.group == group.resource && m.index == index);
                if !is_there {
                    let member = self.member_drawn(group, index, cx);
                    self.members.push(member);
                }
            }
        }
        for member in &mut self.members {
            member.leaving |= !groups.iter().any(|group| group.resource == member.group);
        }
    }

    fn member_mut(&mut self, id: Uuid) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == id)
    }

    /// The member's server runs.
    pub fn member_made(&mut self, id: Uuid, image: Uuid, cx: &Cx<'_>) {
        let Some(member) = self.member_mut(id) else { return };
        member.image_id.get_or_insert(image);
        // It may have signalled already.
        if member.phase != Phase::Wanted {
            return;
        }
        (member.phase, member.trouble) = (Phase::Made, None);
        member.token = member.token.hashed();
        let (name, server) = (member.name.clone(), member.server);
        self.note(cx, &name, server, "CREATE_IN_PROGRESS", "its server runs");
    }

    /// The member's server could not be made, or not be taken away.
    pub fn member_refused(&mut self, id: Uuid, reason: &str, patience: Patience, cx: &Cx<'_>) {
        let deleting = self.action == Action::Delete;
        let Some(member) = self.member_mut(id) else { return };
        match troubled(member.trouble.as_ref(), reason, patience, cx.now) {
            Ok(trouble) => member.trouble = Some(trouble),
            // What does not go is tried again as long as the stack is there.
            Err(reason) if member.leaving => {
                let words = format!("Resource DELETE failed: {}: {reason}", member.name);
                let since = member.trouble.as_ref().map_or(cx.now, |trouble| trouble.since);
                member.trouble = Some(Trouble { reason, since });
                if deleting && self.is_working() {
                    self.end(Status::Failed, words, cx);
                }
            }
            Err(reason) => self.member_failed(id, &reason, cx),
        }
    }

    pub fn member_failed(&mut self, id: Uuid, reason: &str, cx: &Cx<'_>) {
        let Some(member) = self.member_mut(id).filter(|member| !member.is_failed()) else { return };
        member.phase = Phase::Failed { reason: reason.to_owned(), made: member.is_made() };
        let (name, server) = (member.name.clone(), member.server);
        self.note(cx, &name, server, "CREATE_FAILED", reason);
    }

    /// A member that was marked as failed is well after all.
    pub fn member_well(&mut self, id: Uuid) {
        if let Some(member) = self.member_mut(id) {
            member.phase = Phase::Ready;
        }
    }

    /// The member's server is gone.
    pub fn member_removed(&mut self, id: Uuid, cx: &Cx<'_>) {
        let Some(at) = self.members.iter().position(|member| member.id == id && member.leaving) else {
            return;
        };
        let member = self.members.remove(at);
        self.note(cx, &member.name, member.server, "DELETE_COMPLETE", "its server is gone");
    }

    /// What a node says of itself. Only the first word counts.
    pub fn signal(&mut self, id: Uuid, failure: Option<&str>, cx: &Cx<'_>) {
        if let Some(reason) = failure {
            if self.member_mut(id).is_some_and(|member| member.phase != Phase::Ready) {
                self.member_failed(id, reason, cx);
            }
            return;
        }
        let Some(member) = self.member_mut(id) else { return };
        // A node may be ready before this process has noted that it was made.
        if matches!(member.phase, Phase::Wanted | Phase::Made) {
            member.phase = Phase::Ready;
            member.token = member.token.hashed();
            let (name, server) = (member.name.clone(), member.server);
            self.note(cx, &name, server, "CREATE_COMPLETE", "its node is ready");
        }
    }
}
