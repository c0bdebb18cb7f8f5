"""Writes the `files` and `copies` of tasks/place.yml below a root, within the process of Ansible.

For the laboratory and the tests, which write every machine's files: seconds instead of minutes. On a real machine
place.yml uses `template` and `copy`; the text is made by the same template lookup.
"""
import os

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        root, files, copies = (self._task.args[name] for name in ("root", "files", "copies"))
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        written = []
        for file in files:
            # Named, so that an error tells which.
            source = self._find_needle("templates", file["src"])
            [text] = lookup.run([source], variables=task_vars, convert_data=False, template_vars={"item": file})
            self._write(root + file["dest"], text.encode(), file.get("mode", "0644"), written)
        for copy in copies:
            with open(copy["src"], "rb") as source:
                self._write(root + copy["dest"], source.read(), copy.get("mode", "0644"), written)
        result["changed"] = len(written) > 0
        result["written"] = written
        return result

    def _write(self, path, content, mode, written):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        same = os.path.exists(path) and open(path, "rb").read() == content
        if not same:
            # Made with its mode: a secret is at no moment readable by others.
            descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as target:
                target.write(content)
            os.chmod(path + ".new", int(mode, 8))
            os.replace(path + ".new", path)
            written.append(path)
