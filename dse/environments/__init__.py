"""Any study as an environment for agents: Gymnasium's ``cyclewise/Study-v0`` and PettingZoo's parallel form.

Importing this module registers the id; ``gymnasium.make("dse.environments:cyclewise/Study-v0", study=...)``
imports it by itself.
"""

import gymnasium

STUDY = "cyclewise/Study-v0"

if STUDY not in gymnasium.registry:
    gymnasium.register(id=STUDY, entry_point="dse.environments.single:StudyEnv")
