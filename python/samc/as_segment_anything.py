# SPDX-License-Identifier: Apache-2.0
"""import samc.as_segment_anything: from here on `segment_anything` is samc in this program.

So that libraries which import segment_anything themselves run on samc unedited. Refuses where the
real one is loaded already: half of a program would go on using it.
"""
import sys

import samc
import samc.modeling
import samc.utils.amg
import samc.utils.transforms

_loaded = sys.modules.get("segment_anything")
if _loaded is not None and _loaded is not samc:
    raise ImportError(
        "segment_anything itself is already imported here "
        f"({getattr(_loaded, '__file__', 'from somewhere')}); import samc.as_segment_anything before "
        "it, or import from samc directly")

# By name: samc.build_sam is the function of that name, as it is in segment_anything.
for _name in ("", ".automatic_mask_generator", ".build_sam", ".modeling", ".predictor", ".utils",
              ".utils.amg", ".utils.transforms"):
    sys.modules["segment_anything" + _name] = sys.modules["samc" + _name]
